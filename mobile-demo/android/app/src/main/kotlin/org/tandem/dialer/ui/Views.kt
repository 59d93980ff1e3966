package org.tandem.dialer.ui

import android.content.Context
import android.graphics.Typeface
import android.view.View
import android.view.ViewGroup.LayoutParams.MATCH_PARENT
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView

// The platform's own views, put together in code: no layout files, no library.

fun Context.column(vararg views: View): LinearLayout = line(LinearLayout.VERTICAL, views)

fun Context.row(vararg views: View): LinearLayout = line(LinearLayout.HORIZONTAL, views)

private fun Context.line(direction: Int, views: Array<out View>) = LinearLayout(this).apply {
    orientation = direction
    val gap = dp(8)
    setPadding(gap, gap / 2, gap, gap / 2)
    views.forEach { addView(it) }
}

fun Context.scrolling(content: View): ScrollView = ScrollView(this).apply { addView(content) }

fun Context.words(text: String, large: Boolean = false): TextView = TextView(this).apply {
    this.text = text
    textSize = if (large) 22f else 16f
    if (large) typeface = Typeface.DEFAULT_BOLD
}

fun Context.button(text: String, act: () -> Unit): Button = Button(this).apply {
    this.text = text
    isAllCaps = false
    setOnClickListener { act() }
}

fun Context.field(hint: String, inputType: Int): EditText = EditText(this).apply {
    this.hint = hint
    this.inputType = inputType
    layoutParams = LinearLayout.LayoutParams(MATCH_PARENT, WRAP_CONTENT)
}

/** Takes the room its siblings leave. */
fun <V : View> V.growing(): V = apply { layoutParams = LinearLayout.LayoutParams(0, WRAP_CONTENT, 1f) }

/** A list of everything takes the height that is left. */
fun <V : View> V.filling(): V = apply { layoutParams = LinearLayout.LayoutParams(MATCH_PARENT, 0, 1f) }

fun Context.dp(count: Int): Int = (count * resources.displayMetrics.density).toInt()
