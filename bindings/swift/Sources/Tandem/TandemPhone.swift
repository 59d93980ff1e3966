/// One phone: its core, and its events as a stream.
///
/// Commands, state and history are the core's: `phone.core.dial(..)`. What this adds is the one consumer that
/// `Core.waitForEvents` asks for, so whoever holds a `TandemPhone` calls neither it nor `nextEvents`.
public final class TandemPhone: Sendable {
    /// The core.
    public let core: Core
    private let pump: EventPump

    /// A phone around a core that was started elsewhere.
    public init(core: Core) {
        self.core = core
        pump = EventPump(core: core)
    }

    /// Starts a core, and gives it to the ports that wait for it. A start that is cancelled leaves nothing running.
    public static func start(config: CoreConfig, ports: Ports, link: HostLink) async throws -> TandemPhone {
        let start = try Start(config: config, ports: ports)
        await withTaskCancellationHandler { await start.ready() } onCancel: { start.giveUp() }
        // Freed with its core untaken, a start ends it.
        try Task.checkCancellation()
        let core = try start.core()
        link.connect(core)
        return TandemPhone(core: core)
    }

    /// What the app is told, from where the last iteration ended: an event that one iteration was given is not given to the
    /// next, and one that came in between is. Ends when the core has stopped and everything was told, and when its task is
    /// cancelled, which takes nothing from the next iteration. One iteration at a time: two would share the events.
    public var events: AsyncStream<Event> {
        AsyncStream(unfolding: { [pump] in await pump.next() })
    }

    /// Ends the core. Returns when everything that was handed to it is written and said, or after `deadline`. No port is
    /// called afterwards, and `events` ends.
    ///
    /// This, and not `deinit`, is how a phone ends: a pull that waits for the next event holds the core.
    public func shutdown(deadline: Duration) async {
        await core.shutdown(deadlineMs: deadline.wholeMilliseconds)
    }
}

extension Duration {
    /// Rounded up, so that a deadline is never zero by rounding; what does not fit is the longest there is.
    var wholeMilliseconds: UInt32 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 4_000_000 else { return UInt32.max }
        return UInt32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
