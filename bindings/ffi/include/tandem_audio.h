/*
 * The sound of Tandem's calls: two functions for a sound device's own thread.
 *
 * 48 kHz, mono, signed 16 bit in the machine's byte order, any number of samples at a time (10 ms are 480). A handle comes
 * from Core.audio_ready(call), which the app asks for once the OS has opened microphone and earpiece; it ends with the
 * call. Handles are numbers: a dead or made-up one is safe. Both functions may be called from any thread and return after
 * the copy; neither allocates, logs or calls back. Each ring holds 500 ms; when one is full its oldest samples give way.
 */
#ifndef TANDEM_AUDIO_H
#define TANDEM_AUDIO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TANDEM_AUDIO_SAMPLE_RATE_HZ 48000

/*
 * Fills all of samples[0..count) with what is to be played next: the call's sound, and silence where it has none. Returns
 * how many samples were the call's. With a dead handle: silence, 0. With samples == NULL: 0.
 */
size_t tandem_audio_read(uint64_t handle, int16_t *samples, size_t count);

/*
 * Hands over count captured samples. Returns how many were taken: all while the call sends; 0 before it is answered, on
 * hold, after its end, with a dead handle, and with samples == NULL.
 */
size_t tandem_audio_write(uint64_t handle, const int16_t *samples, size_t count);

#ifdef __cplusplus
}
#endif

#endif
