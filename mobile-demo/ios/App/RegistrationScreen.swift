import SwiftUI
import Tandem

/// The number of this phone. iOS tells it to nobody and hands no SMS over: the user types both.
struct RegistrationScreen: View {
    let model: PhoneModel
    @State private var number = ""
    @State private var code = ""
    private let line = SimAdapter.line

    var body: some View {
        NavigationStack {
            Form {
                if let view = model.registration {
                    Section(view.number ?? "") { Text(view.text) }
                    actions(view)
                }
            }
            .navigationTitle("Number")
        }
    }

    @ViewBuilder
    private func actions(_ view: RegistrationView) -> some View {
        switch view.state {
        case .unregistered, .numberNeeded:
            beginning
        case .failed:
            // A failed proof does not end its attempt: it goes on while another SMS could be asked for.
            if view.resend != nil { proof(view) } else { beginning }
        case .awaitingSms:
            proof(view)
        case .awaitingUserConfirm:
            Button("Confirm") { model.tell { [line] in try await $0.confirmRegistration(line: line) } }
        case .registered:
            Button("Unregister", role: .destructive) { model.tell { [line] in try await $0.unregister(line: line) } }
        case .asking, .confirming, .unregistering:
            ProgressView()
        }
    }

    @ViewBuilder
    private var beginning: some View {
        TextField("Telephone number", text: $number).keyboardType(.phonePad).textContentType(.telephoneNumber)
        Button("Register") { model.tell { [line, number] in try await $0.register(line: line, typed: number) } }
    }

    @ViewBuilder
    private func proof(_ view: RegistrationView) -> some View {
        if let why = view.resend?.refused { Text(resendText(why: why)) }
        // The keyboard offers the code of an SMS whose last line names the app's domain.
        TextField("Code", text: $code).keyboardType(.numberPad).textContentType(.oneTimeCode)
        Button("Confirm") { model.tell { [line, code] in try await $0.enterCode(line: line, code: code) } }
        Button("Send it again") { model.tell { [line] in try await $0.resendSms(line: line) } }
        Button("Cancel", role: .cancel) { model.tell { [line] in try await $0.cancelRegistration(line: line) } }
    }
}
