package org.tandem.dialer.presentation

import org.tandem.ffi.Choice
import org.tandem.ffi.Prompt

/** A question of the core as it is shown: its words and as many buttons as it has choices, whichever they are. */
data class PromptCard(val prompt: Prompt, val text: String, val buttons: List<PromptButton>)

data class PromptButton(val text: String, val choice: Choice)

/** [choiceText] gives the core's words for a choice; a number is shown with the contact's name where there is one. */
fun promptCard(prompt: Prompt, choiceText: (Choice) -> String, nameOf: (String) -> String?): PromptCard =
    PromptCard(prompt, prompt.text, prompt.choices.map { choice ->
        val text = when (choice) {
            is Choice.Number -> listOfNotNull(nameOf(choice.number), choice.number).joinToString(" ")
            is Choice.Carrier, is Choice.Quit, is Choice.Wait -> choiceText(choice)
        }
        PromptButton(text, choice)
    })
