import CTandemAudio

/// The sound of one call, for the thread of a sound device: 48 kHz, mono, 16 bit.
///
/// Both functions copy and return: they take no Swift lock, allocate nothing and call nobody back. A sound that outlives
/// its call is silence.
public struct CallSound: Sendable {
    /// Samples a second.
    public static let sampleRate = Double(TANDEM_AUDIO_SAMPLE_RATE_HZ)

    private let handle: UInt64

    init(handle: UInt64) {
        self.handle = handle
    }

    /// Fills all of `samples` with what is to be played next, and returns how many of them were the call's.
    @discardableResult
    public func read(into samples: UnsafeMutableBufferPointer<Int16>) -> Int {
        tandem_audio_read(handle, samples.baseAddress, samples.count)
    }

    /// Hands over captured samples, and returns how many were taken: none before the answer and on hold.
    @discardableResult
    public func write(_ samples: UnsafeBufferPointer<Int16>) -> Int {
        tandem_audio_write(handle, samples.baseAddress, samples.count)
    }
}

extension Core {
    /// The OS has opened microphone and earpiece for a call: its sound from now on. Throws `Stale` when the call has no
    /// media (any more).
    public func sound(of call: CallId) throws -> CallSound {
        CallSound(handle: try audioReady(call: call))
    }
}
