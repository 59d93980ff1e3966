/*
 * The C ABI of the sound, used from C as a sound device uses it. Links the test kit, which opens a ring that hears itself
 * through UniFFI's own generated header. Prints a line a test and, last, `N passed, N failed`.
 */
#include "tandem_audio.h"
#include "tandem_testkitFFI.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = TANDEM_AUDIO_SAMPLE_RATE_HZ / 100, RING = TANDEM_AUDIO_SAMPLE_RATE_HZ / 2 };

static int passed, failed;

static void told(const char *sentence, int good) {
    printf("%s %s\n", good ? "ok    " : "FAILED", sentence);
    good ? passed++ : failed++;
}

static uint64_t open_ring(void) {
    RustCallStatus status = {0};
    return uniffi_tandem_testkit_fn_func_open_ring(&status);
}

static void loop_ring(void) {
    RustCallStatus status = {0};
    uniffi_tandem_testkit_fn_func_loop_ring(&status);
}

static void close_ring(void) {
    RustCallStatus status = {0};
    uniffi_tandem_testkit_fn_func_close_ring(&status);
}

static int silent(const int16_t *samples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (samples[i] != 0) return 0;
    }
    return 1;
}

static void nothing_to_reach(void) {
    const uint64_t handles[] = {0, 1u << 30, UINT64_MAX};
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++) {
        int16_t samples[FRAME];
        memset(samples, 0x55, sizeof samples);
        told("a made-up handle takes nothing", tandem_audio_write(handles[i], samples, FRAME) == 0);
        told("a made-up handle gives silence",
             tandem_audio_read(handles[i], samples, FRAME) == 0 && silent(samples, FRAME));
    }
}

static void no_samples(uint64_t handle) {
    int16_t one = 7;
    told("no buffer, nothing read", tandem_audio_read(handle, NULL, FRAME) == 0);
    told("no buffer, nothing written", tandem_audio_write(handle, NULL, FRAME) == 0);
    told("no samples, nothing read", tandem_audio_read(handle, &one, 0) == 0 && one == 7);
    told("no samples, nothing written", tandem_audio_write(handle, &one, 0) == 0);
    told("more samples than there is memory are refused",
         tandem_audio_read(handle, &one, SIZE_MAX) == 0 && tandem_audio_write(handle, &one, SIZE_MAX) == 0 && one == 7);
}

static void comes_back_as_written(uint64_t handle) {
    int16_t out[FRAME], in[FRAME + 3];
    for (int i = 0; i < FRAME; i++) out[i] = (int16_t)(i * 64 - 15000);
    memset(in, 0x55, sizeof in);
    told("all that is written is taken", tandem_audio_write(handle, out, FRAME) == FRAME);
    loop_ring();
    told("all that waits is read, and silence after it", tandem_audio_read(handle, in, FRAME + 3) == FRAME &&
         memcmp(in, out, sizeof out) == 0 && silent(in + FRAME, 3));
    told("what was read is gone", tandem_audio_read(handle, in, FRAME) == 0 && silent(in, FRAME));
}

static void oldest_give_way(uint64_t handle) {
    enum { MORE = RING + 1000 };
    int16_t *out = malloc(MORE * sizeof *out), *in = malloc(MORE * sizeof *in);
    for (int i = 0; i < MORE; i++) out[i] = (int16_t)(i % 32000 + 1);
    told("more than the ring holds is taken", tandem_audio_write(handle, out, MORE) == MORE);
    loop_ring();
    told("a full ring keeps its newest half second",
         tandem_audio_read(handle, in, MORE) == RING && memcmp(in, out + 1000, RING * sizeof *in) == 0);
    free(out);
    free(in);
}

/* The microphone's thread: counts up, in pieces of odd sizes. */
enum { LAST = 30000 };
static atomic_int spoken;

static void *speak(void *handle) {
    for (int16_t next = 1; next <= LAST;) {
        int16_t piece[37];
        size_t count = 0;
        while (count < sizeof piece / sizeof *piece && next <= LAST) piece[count++] = next++;
        tandem_audio_write(*(uint64_t *)handle, piece, count);
        if (next % 1000 < 37) loop_ring();
    }
    loop_ring();
    atomic_store(&spoken, 1);
    return NULL;
}

static void two_threads(uint64_t handle) {
    pthread_t speaker;
    pthread_create(&speaker, NULL, speak, &handle);
    int16_t piece[53], newest = 0;
    int in_order = 1;
    for (;;) {
        int last = atomic_load(&spoken);
        size_t got = tandem_audio_read(handle, piece, sizeof piece / sizeof *piece);
        for (size_t i = 0; i < got; i++) {
            in_order &= piece[i] > newest;
            newest = piece[i];
        }
        if (last && got == 0) break;
    }
    pthread_join(speaker, NULL);
    told("two threads on one ring: in order, and to the last sample", in_order && newest == LAST);
}

int main(void) {
    nothing_to_reach();
    uint64_t handle = open_ring();
    told("a ring has a handle", handle != 0);
    no_samples(handle);
    comes_back_as_written(handle);
    oldest_give_way(handle);
    two_threads(handle);
    close_ring();
    int16_t samples[FRAME];
    memset(samples, 0x55, sizeof samples);
    told("a handle is dead with its call",
         tandem_audio_write(handle, samples, FRAME) == 0 && tandem_audio_read(handle, samples, FRAME) == 0 &&
         silent(samples, FRAME));
    told("a dead handle is not given again", open_ring() != handle);
    close_ring();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
