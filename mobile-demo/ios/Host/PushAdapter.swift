import PushKit
import Tandem

/// VoIP pushes: a ring, and nothing else. A text or a sync that came by one would have to ring too.
@MainActor
final class PushAdapter: NSObject {
    private static let ringDeadline = Duration.seconds(10)

    private let link: HostLink
    private let callKit: CallKitAdapter
    private let registry = PKPushRegistry(queue: .main)

    /// Made while the app launches: a push that started the app is delivered to whoever is registered by then.
    init(link: HostLink, callKit: CallKitAdapter) {
        self.link = link
        self.callKit = callKit
        super.init()
        registry.delegate = self
        registry.desiredPushTypes = [.voIP]
    }
}

extension PushAdapter: @preconcurrency PKPushRegistryDelegate {
    func pushRegistry(_ registry: PKPushRegistry, didUpdate pushCredentials: PKPushCredentials, for type: PKPushType) {
        // The core takes no push token yet, so that no server can wake this phone. See README.md.
    }

    func pushRegistry(_ registry: PKPushRegistry, didInvalidatePushTokenFor type: PKPushType) {
        // As above.
    }

    func pushRegistry(
        _ registry: PKPushRegistry, didReceiveIncomingPushWith payload: PKPushPayload, for type: PKPushType,
        completion: @escaping () -> Void
    ) {
        // First the ring, then the core: the system looks at nothing else.
        callKit.announce(deadline: Self.ringDeadline)
        link.notify(.woken)
        completion()
    }
}
