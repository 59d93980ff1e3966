import AVFAudio
import CallKit
import Tandem

/// Data calls as the system shows them: on the lock screen, in the car, beside carrier calls.
///
/// The core decides what happens, CallKit shows it. A call of this phone is shown once its offer is on its way, so that a
/// call which ends in a prompt or with the carrier never flashes up here.
@MainActor
final class CallKitAdapter: NSObject {
    /// Set when the core has started.
    var core: Core?
    private let device: SoundDevice
    private let provider: CXProvider
    private let controller = CXCallController()
    private var calls: [UUID: CallView] = [:]
    /// Rings that a push announced and whose call the core has not told of yet.
    private var announced: [UUID] = []
    /// Those of them that the user has answered already.
    private var answered: Set<UUID> = []

    init(device: SoundDevice) {
        self.device = device
        let configuration = CXProviderConfiguration()
        configuration.maximumCallGroups = 1
        configuration.maximumCallsPerCallGroup = 1
        configuration.supportsVideo = false
        configuration.supportedHandleTypes = [.phoneNumber]
        provider = CXProvider(configuration: configuration)
        super.init()
        provider.setDelegate(self, queue: nil)
    }

    /// A push came: the ring is shown in this very turn, or the system ends the app and wakes it no more. Who calls is known
    /// when the core has fetched the call; a ring that finds none by `deadline` is over.
    func announce(deadline: Duration) {
        let id = UUID()
        announced.append(id)
        device.prepareSession()
        provider.reportNewIncomingCall(with: id, update: CXCallUpdate()) { @Sendable _ in }
        Task {
            try? await Task.sleep(for: deadline)
            guard let place = announced.firstIndex(of: id) else { return }
            announced.remove(at: place)
            answered.remove(id)
            provider.reportCall(with: id, endedAt: nil, reason: .unanswered)
        }
    }

    /// The newest state of a call.
    func follow(_ view: CallView) {
        guard let id = shownId(of: view) ?? UUID(call: view.call) else { return }
        let before = calls[id]
        calls[id] = view
        switch view.state {
        case .checking, .asking:
            break
        case .calling:
            if before?.state != .calling { start(id, view) }
        case .ringing:
            if !view.outgoing, before == nil { ring(view) }
        case .connecting, .reconnecting:
            if view.outgoing { provider.reportOutgoingCall(with: id, startedConnectingAt: nil) }
        case .active:
            if view.outgoing, before?.state != .active { provider.reportOutgoingCall(with: id, connectedAt: nil) }
        case .carrier, .ended:
            calls[id] = nil
            provider.reportCall(with: id, endedAt: nil, reason: reason(view.state))
        }
    }

    private func shownId(of view: CallView) -> UUID? {
        calls.first { $0.value.call == view.call }?.key
    }

    private func ring(_ view: CallView) {
        guard let id = shownId(of: view) else { return }
        let update = CXCallUpdate()
        update.remoteHandle = CXHandle(type: .phoneNumber, value: view.peer)
        update.supportsGrouping = false
        update.supportsUngrouping = false
        update.supportsDTMF = false
        guard announced.isEmpty else {
            let shown = announced.removeFirst()
            calls[id] = nil
            calls[shown] = view
            provider.reportCall(with: shown, updated: update)
            if answered.remove(shown) != nil { tell { try await $0.accept(call: view.call) } }
            return
        }
        device.prepareSession()
        provider.reportNewIncomingCall(with: id, update: update) { @Sendable [weak self] error in
            // The system lets it not ring: a focus, or a blocked caller.
            if error != nil { Task { @MainActor in self?.tell { try await $0.refuse(call: view.call) } } }
        }
    }

    private func start(_ id: UUID, _ view: CallView) {
        let action = CXStartCallAction(call: id, handle: CXHandle(type: .phoneNumber, value: view.peer))
        controller.requestTransaction(with: action) { @Sendable [weak self] error in
            // Refused, as while another app's call goes on: the core's call ends with it.
            if error != nil { Task { @MainActor in self?.tell { try await $0.hangUp(call: view.call) } } }
        }
    }

    private func reason(_ state: CallState) -> CXCallEndedReason {
        guard case .ended(let end) = state else { return .answeredElsewhere }
        switch end {
        case .noAnswer, .missed, .cancelled: return .unanswered
        case .mediaLost, .peerLost, .rejected, .carrierFailed: return .failed
        case .superseded, .carrier: return .answeredElsewhere
        case .hungUp, .peerHungUp, .refused, .busy, .quit: return .remoteEnded
        }
    }

    /// A command of the system's call screen. What it did comes as an event; a stale one needs no answer.
    private func tell(_ command: @escaping @Sendable (Core) async throws -> Void) {
        guard let core else { return }
        Task { try? await command(core) }
    }
}

/// CallKit asks on the main queue, and each question is answered in the same turn.
extension CallKitAdapter: @preconcurrency CXProviderDelegate {
    func providerDidReset(_ provider: CXProvider) {
        for view in calls.values { tell { try await $0.hangUp(call: view.call) } }
        calls = [:]
        announced = []
        answered = []
    }

    func provider(_ provider: CXProvider, perform action: CXStartCallAction) {
        device.prepareSession()
        action.fulfill()
    }

    func provider(_ provider: CXProvider, perform action: CXAnswerCallAction) {
        device.prepareSession()
        if let view = calls[action.callUUID] {
            tell { try await $0.accept(call: view.call) }
        } else {
            // Announced by a push: accepted as soon as the core tells of it.
            answered.insert(action.callUUID)
        }
        action.fulfill()
    }

    func provider(_ provider: CXProvider, perform action: CXEndCallAction) {
        announced.removeAll { $0 == action.callUUID }
        answered.remove(action.callUUID)
        if let view = calls.removeValue(forKey: action.callUUID) {
            let isRefusal = !view.outgoing && view.state == .ringing
            tell { try await isRefusal ? $0.refuse(call: view.call) : $0.hangUp(call: view.call) }
        }
        action.fulfill()
    }

    func provider(_ provider: CXProvider, perform action: CXSetHeldCallAction) {
        guard let view = calls[action.callUUID] else { return action.fail() }
        let isHeld = action.isOnHold
        tell { try await $0.hold(call: view.call, on: isHeld) }
        action.fulfill()
    }

    func provider(_ provider: CXProvider, perform action: CXSetMutedCallAction) {
        device.mute(action.isMuted)
        action.fulfill()
    }

    func provider(_ provider: CXProvider, didActivate audioSession: AVAudioSession) {
        device.sessionDidChange(isActive: true)
    }

    func provider(_ provider: CXProvider, didDeactivate audioSession: AVAudioSession) {
        device.sessionDidChange(isActive: false)
    }
}
