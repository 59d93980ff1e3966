import SwiftUI
import Tandem

/// The call log: one line for each conversation, whatever carried it.
struct LogScreen: View {
    let model: PhoneModel

    var body: some View {
        NavigationStack {
            List(model.log) { entry in
                VStack(alignment: .leading) {
                    Label(name(entry.peer), systemImage: entry.outgoing ? "arrow.up.right" : "arrow.down.left")
                    Text(legs(entry)).font(.caption)
                    if let end = entry.end { Text(callEndText(end: end)).font(.caption).foregroundStyle(.secondary) }
                    Text(Date(timeIntervalSince1970: Double(entry.startedAt) / 1000), style: .relative).font(.caption2)
                }
            }
            .navigationTitle("Calls")
        }
    }

    private func name(_ peer: LogPeer) -> String {
        switch peer {
        case .number(let number): number
        case .dialed(let digits): digits
        }
    }

    /// `data 3:12, carrier 1:05, and why`.
    private func legs(_ entry: LogEntry) -> String {
        entry.legs.map { leg in
            let talked = Duration.milliseconds(leg.talkedMs).formatted(.time(pattern: .minuteSecond))
            let why = leg.why.map { " (\(whyText(why: $0)))" } ?? ""
            return (leg.bearer == .data ? "data " : "carrier ") + talked + why
        }
        .joined(separator: ", ")
    }
}
