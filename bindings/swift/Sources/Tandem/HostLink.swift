import os

/// The way from a port back to the core.
///
/// Ports are made before the core, and the core calls them while it starts: before `Start.core` has given it to
/// anybody. A port answers through this; what it says before the core is known waits, and is said in order.
///
/// What holds for every port:
/// - It is a class and `Sendable`: the core calls it from threads of its own (`tandem-host`; `TelephonyPort.dial` also from
///   `tandem-guard`, `ClockPort.now` from any), never from the main actor. Hop there with a `Task` for UIKit.
/// - A method returns at once and waits for nothing of the core's, which may need the very thread that waits; what takes
///   time is answered later by `reply(to:_:)`.
/// - It may throw anything. `HostError` says more than anything else does, which counts as `Failed` unread.
/// - It holds the core through this link, and the core holds it: `TandemPhone.shutdown` is what lets go.
public final class HostLink: Sendable {
    private typealias Sentence = @Sendable (_ core: Core) throws -> Void

    private enum Far {
        case starting([Sentence])
        case connected(Core)
    }

    /// Sentences that wait for the core at most. Past it the newest are lost, as they are when a core is full.
    private static let waitingMax = 1024
    private let far = OSAllocatedUnfairLock<Far>(initialState: .starting([]))

    /// A link to a core that is not started yet.
    public init() {}

    /// Answers what a port was asked. What a full core does not take is said again after a moment.
    public func reply(to ticket: Ticket, _ reply: HostReply) {
        say { core in try core.hostReply(ticket: ticket, reply: reply) }
    }

    /// Tells what happened to the phone. What a full core does not take is told again after a moment.
    public func notify(_ event: HostEvent) {
        say { core in try core.notify(event: event) }
    }

    func connect(_ core: Core) {
        // Said outside the lock, for the core may call a port in the same stack, and round by round, so that what comes
        // meanwhile stays behind what came first.
        while true {
            let sentences = far.withLock { far -> [Sentence] in
                guard case .starting(let sentences) = far, !sentences.isEmpty else {
                    far = .connected(core)
                    return []
                }
                far = .starting([])
                return sentences
            }
            if sentences.isEmpty { return }
            for sentence in sentences { tell(core, sentence) }
        }
    }

    private func say(_ sentence: @escaping Sentence) {
        let core = far.withLock { far -> Core? in
            switch far {
            case .connected(let core):
                return core
            case .starting(let sentences):
                if sentences.count < Self.waitingMax { far = .starting(sentences + [sentence]) }
                return nil
            }
        }
        if let core { tell(core, sentence) }
    }

    private func tell(_ core: Core, _ sentence: @escaping Sentence) {
        do {
            try sentence(core)
        } catch TandemError.Full {
            Task { [weak self] in
                try? await Task.sleep(for: .milliseconds(200))
                self?.say(sentence)
            }
        } catch {
            // It has stopped: nobody is there to be told.
        }
    }
}
