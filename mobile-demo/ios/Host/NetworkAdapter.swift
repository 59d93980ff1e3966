import Network
import Tandem
import os

/// The network path, by Network.framework.
///
/// Unchecked: the monitor is started once and cancelled once; what changes lies under the lock.
final class NetworkAdapter: NetworkPort, @unchecked Sendable {
    private let known = OSAllocatedUnfairLock(
        initialState: NetworkSnapshot(path: 0, connected: false, wifi: false, hintBps: nil)
    )
    private let monitor = NWPathMonitor()

    init(link: HostLink) {
        monitor.pathUpdateHandler = { [known] path in
            let isConnected = path.status == .satisfied
            let isStill = path.usesInterfaceType(.wifi) || path.usesInterfaceType(.wiredEthernet)
            known.withLock { known in
                // Each update counts as another path. The monitor also tells of what does not matter here, and a
                // measurement taken again costs less than one trusted on the wrong path. iOS tells no rate: no hint.
                known = NetworkSnapshot(path: known.path + 1, connected: isConnected, wifi: isStill, hintBps: nil)
            }
            link.notify(.networkChanged)
        }
        monitor.start(queue: DispatchQueue(label: "tandem.network"))
    }

    deinit {
        monitor.cancel()
    }

    func snapshot() throws -> NetworkSnapshot {
        known.withLock { $0 }
    }
}

/// Log lines into the unified log. They hold no number, token, key or text, so that they may be shown.
final class LogAdapter: LogPort {
    func onLine(level: LogLevel, target: String, text: String) throws {
        let logger = Logger(subsystem: "org.tandem.demo", category: target)
        switch level {
        case .trace, .debug: logger.debug("\(text, privacy: .public)")
        case .info: logger.info("\(text, privacy: .public)")
        case .warn: logger.warning("\(text, privacy: .public)")
        case .error: logger.error("\(text, privacy: .public)")
        }
    }
}
