/// Pulls events out of the core, and remembers which were delivered.
///
/// A cancelled Swift task goes on waiting for Rust until Rust answers. The pull therefore runs in a task of its own, and
/// what a consumer waits for is a continuation, which its cancellation resumes at once. The pull that was under way stays,
/// and what it brings is the next consumer's.
actor EventPump {
    private static let atOnce: UInt32 = 64

    private let core: any CoreProtocol
    private var arrived: [NumberedEvent] = []
    /// The newest event that a consumer was given. Its asking for another says that it has dealt with this one.
    private var delivered: UInt64 = 0
    private var isPulling = false
    private var isOver = false
    private var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var lastWait: UInt64 = 0

    init(core: any CoreProtocol) {
        self.core = core
    }

    /// The next event; none once the core has told everything, and none when the asking task is cancelled.
    func next() async -> Event? {
        while !Task.isCancelled {
            if !arrived.isEmpty {
                let first = arrived.removeFirst()
                delivered = first.number
                return first.event
            }
            if isOver { return nil }
            pull()
            await arrival()
        }
        return nil
    }

    private func pull() {
        guard !isPulling else { return }
        isPulling = true
        let (core, seen) = (core, delivered)
        Task {
            let isThereMore = await core.waitForEvents(seen: seen)
            took(isThereMore ? core.nextEvents(seen: seen, atMost: Self.atOnce) : nil)
        }
    }

    /// Events that are there; none once the core has told everything.
    private func took(_ events: [NumberedEvent]?) {
        isPulling = false
        isOver = events == nil
        arrived = events ?? []
        let resumed = waiting.values
        waiting = [:]
        for consumer in resumed { consumer.resume() }
    }

    /// Returns when a pull has ended, or when this task is cancelled.
    private func arrival() async {
        lastWait += 1
        let wait = lastWait
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiting[wait] = $0 }
        } onCancel: {
            // This actor is busy until the continuation above is kept, so that this finds it.
            Task { await self.giveUp(wait) }
        }
    }

    private func giveUp(_ wait: UInt64) {
        waiting.removeValue(forKey: wait)?.resume()
    }
}
