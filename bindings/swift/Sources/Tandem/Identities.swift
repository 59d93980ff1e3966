import Foundation

/// What a list or a sheet tells apart by.
extension Prompt: Identifiable {}
extension LogEntry: Identifiable {}
extension TextView: Identifiable {}
extension WrittenText: Identifiable {}

extension ThreadItem: Identifiable {
    public var id: UInt64 { position }
}

extension Conversation: Identifiable {
    public var id: Msisdn { peer }
}

extension CallView: Identifiable {
    public var id: CallId { call }
}

extension UUID {
    /// A call as CallKit names it: the same sixteen octets. None for what is no call's id.
    public init?(call: CallId) {
        guard call.count == 32 else { return nil }
        var parts: [Substring] = []
        var rest = Substring(call)
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        self.init(uuidString: parts.joined(separator: "-"))
    }
}
