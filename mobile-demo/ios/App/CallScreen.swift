import SwiftUI
import Tandem

/// A call while the app is in front. In the lock screen and the car CallKit shows the same one.
struct CallScreen: View {
    let model: PhoneModel
    let call: CallView

    var body: some View {
        VStack(spacing: 24) {
            Text(call.peer).font(.title)
            Text(words).foregroundStyle(.secondary)
            if call.heldByPeer { Text("The other side has put you on hold") }
            Spacer()
            HStack(spacing: 32) {
                if call.state == .ringing, !call.outgoing {
                    Button("Answer") { model.tell { try await $0.accept(call: call.call) } }
                    Button("Refuse", role: .destructive) { model.tell { try await $0.refuse(call: call.call) } }
                } else {
                    if call.state == .active {
                        Button(call.held ? "Resume" : "Hold") {
                            model.tell { try await $0.hold(call: call.call, on: !call.held) }
                        }
                    }
                    Button("Hang up", role: .destructive) { model.tell { try await $0.hangUp(call: call.call) } }
                }
            }
            .buttonStyle(.borderedProminent)
        }
        .padding(32)
        .interactiveDismissDisabled()
    }

    private var words: String {
        call.state == .active && call.held ? "On hold" : callStateText(state: call.state)
    }
}

/// A question of the core: why, and what can be done instead.
struct PromptCard: View {
    let model: PhoneModel
    let prompt: Prompt

    var body: some View {
        VStack(spacing: 12) {
            Text(prompt.text)
            HStack {
                ForEach(prompt.choices, id: \.self) { choice in
                    Button(name(choice)) {
                        model.tell { _ = try await $0.answer(prompt: prompt.id, choice: choice) }
                    }
                    .buttonStyle(.bordered)
                }
            }
        }
        .padding()
        .background(.regularMaterial, in: RoundedRectangle(cornerRadius: 16))
        .padding()
    }

    private func name(_ choice: Choice) -> String {
        if case .number(let number) = choice { return number }
        // What throws is a number that is none, and a choice without a number is none of those.
        return (try? choiceText(choice: choice)) ?? ""
    }
}
