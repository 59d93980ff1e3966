import AVFAudio
import Tandem

/// The core's wish for sound. It comes on the core's thread and is the device's to grant.
final class AudioAdapter: AudioPort {
    private let device: SoundDevice

    init(device: SoundDevice) {
        self.device = device
    }

    func begin(call: CallId) throws {
        Task { @MainActor [device] in device.want(call) }
    }

    func end(call: CallId) throws {
        Task { @MainActor [device] in device.leave(call) }
    }
}

/// Microphone and earpiece.
///
/// Sound starts when both have come, in whichever order: the core wants it, and CallKit has activated the audio session.
/// CallKit does that later than the answer, and an engine started before it is silent or fails.
@MainActor
final class SoundDevice {
    /// Set when the core has started.
    var core: Core?
    private var wanted: CallId?
    private var isSessionActive = false
    private var isMuted = false
    private var engine: AVAudioEngine?

    init() {
        // A headset that comes or goes stops the engine, and its formats are others afterwards.
        _ = NotificationCenter.default.addObserver(forName: .AVAudioEngineConfigurationChange, object: nil, queue: .main) {
            [weak self] _ in MainActor.assumeIsolated { self?.restart() }
        }
    }

    func want(_ call: CallId) {
        wanted = call
        restart()
    }

    func leave(_ call: CallId) {
        guard wanted == call else { return }
        wanted = nil
        isMuted = false
        restart()
    }

    /// How the session is to be, said before CallKit activates it. The app never activates it by itself.
    func prepareSession() {
        let session = AVAudioSession.sharedInstance()
        try? session.setCategory(.playAndRecord, mode: .voiceChat, options: [.allowBluetooth])
        try? session.setPreferredSampleRate(CallSound.sampleRate)
        try? session.setPreferredIOBufferDuration(0.01)
    }

    func sessionDidChange(isActive: Bool) {
        isSessionActive = isActive
        restart()
    }

    func mute(_ isMuted: Bool) {
        self.isMuted = isMuted
        engine?.inputNode.isVoiceProcessingInputMuted = isMuted
    }

    private func restart() {
        engine?.stop()
        engine = nil
        guard isSessionActive, let wanted, let sound = try? core?.sound(of: wanted) else { return }
        engine = try? Self.started(sound)
        engine?.inputNode.isVoiceProcessingInputMuted = isMuted
    }

    /// Not on the main actor: a closure written there belongs to it, and Swift 6 stops the app when the sound's own thread
    /// runs one.
    private nonisolated static func started(_ sound: CallSound) throws -> AVAudioEngine {
        let engine = AVAudioEngine()
        // Echo cancellation; it must be on before the formats are read.
        try engine.inputNode.setVoiceProcessingEnabled(true)
        guard
            let wire = AVAudioFormat(
                commonFormat: .pcmFormatInt16, sampleRate: CallSound.sampleRate, channels: 1, interleaved: true
            ),
            let microphone = makeMicrophone(sound, as: engine.inputNode.outputFormat(forBus: 0), to: wire)
        else { throw HostError.Failed }
        let earpiece = makeEarpiece(sound, in: wire)
        engine.attach(earpiece)
        engine.connect(earpiece, to: engine.mainMixerNode, format: nil)
        engine.attach(microphone)
        engine.connect(engine.inputNode, to: microphone, format: nil)
        try engine.start()
        return engine
    }

    private nonisolated static func makeEarpiece(_ sound: CallSound, in wire: AVAudioFormat) -> AVAudioSourceNode {
        AVAudioSourceNode(format: wire) { _, _, frames, buffers in
            for buffer in UnsafeMutableAudioBufferListPointer(buffers) {
                let samples = buffer.mData?.assumingMemoryBound(to: Int16.self)
                sound.read(into: UnsafeMutableBufferPointer(start: samples, count: Int(frames)))
            }
            return noErr
        }
    }

    /// The microphone comes as the device has it, a Bluetooth headset at 16 kHz; the converter makes 48 kHz of it. It
    /// allocates on the sound's thread, which a product avoids.
    private nonisolated static func makeMicrophone(
        _ sound: CallSound, as device: AVAudioFormat, to wire: AVAudioFormat
    ) -> AVAudioSinkNode? {
        guard
            let converter = AVAudioConverter(from: device, to: wire),
            let converted = AVAudioPCMBuffer(pcmFormat: wire, frameCapacity: 48_000)
        else { return nil }
        return AVAudioSinkNode { _, _, buffers in
            let captured = Captured(AVAudioPCMBuffer(pcmFormat: device, bufferListNoCopy: buffers))
            converter.convert(to: converted, error: nil) { _, status in captured.handOver(status) }
            let samples = converted.int16ChannelData?.pointee
            sound.write(UnsafeBufferPointer(start: samples, count: Int(converted.frameLength)))
            return noErr
        }
    }
}

/// What the converter is given: each captured buffer once.
private final class Captured: @unchecked Sendable {
    private var buffer: AVAudioPCMBuffer?

    init(_ buffer: AVAudioPCMBuffer?) {
        self.buffer = buffer
    }

    func handOver(_ status: UnsafeMutablePointer<AVAudioConverterInputStatus>) -> AVAudioBuffer? {
        defer { buffer = nil }
        status.pointee = buffer == nil ? .noDataNow : .haveData
        return buffer
    }
}
