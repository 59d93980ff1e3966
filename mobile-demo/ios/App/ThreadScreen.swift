import SwiftUI
import Tandem

/// Whom texts are exchanged with: a contact by one of its numbers, or whoever wrote.
struct Correspondent: Hashable {
    let peer: Msisdn
    let name: String
}

/// The texts with one number, newest below.
struct ThreadScreen: View {
    let model: PhoneModel
    let whom: Correspondent
    @State private var items: [ThreadItem] = []
    @State private var draft = ""

    var body: some View {
        VStack {
            List(items) { item in row(item.text) }
                .listStyle(.plain)
            HStack {
                TextField("Text", text: $draft, axis: .vertical).textFieldStyle(.roundedBorder)
                Button("Send", systemImage: "paperplane") { send() }
                    .labelStyle(.iconOnly)
                    .disabled(draft.isEmpty)
            }
            .padding()
        }
        .navigationTitle(whom.name)
        .task(id: model.textsSeen) { await read() }
    }

    @ViewBuilder
    private func row(_ entry: ThreadEntry) -> some View {
        switch entry {
        case .written(let text):
            VStack(alignment: .trailing) {
                Text(text.body)
                Text(textStatusText(status: text.status)).font(.caption).foregroundStyle(.secondary)
                if text.status == .stored {
                    Button("Send as SMS") { model.tell { _ = try await $0.textToSms(id: text.id) } }
                    Button("Take back") { model.tell { try await $0.cancelText(id: text.id) } }
                }
            }
            .frame(maxWidth: .infinity, alignment: .trailing)
        case .received(let text, _, _):
            Text(text.body ?? "This text could not be opened")
        }
    }

    private func read() async {
        let peer = whom.peer
        let newest = await model.read { try await $0.thread(peer: peer, before: nil, limit: 50) }
        items = (newest ?? []).reversed()
        var unread: [TextId] = []
        for item in items {
            if case .received(let text, _, let read) = item.text, !read { unread.append(text.id) }
        }
        if !unread.isEmpty { await model.markRead(unread, of: peer) }
    }

    private func send() {
        let target = Target.number(digits: whom.peer)
        model.tell { [draft] in _ = try await $0.sendText(target: target, line: nil, body: draft, mode: .data) }
        draft = ""
    }
}
