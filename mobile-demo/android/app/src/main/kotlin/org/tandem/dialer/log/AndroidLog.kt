package org.tandem.dialer.log

import android.util.Log
import org.tandem.ffi.LogLevel
import org.tandem.ffi.LogPort

/** The core's log lines, in the phone's log. They hold no number, token, key or text. */
class AndroidLog(private val least: LogLevel = LogLevel.INFO) : LogPort {
    override fun onLine(level: LogLevel, target: String, text: String) {
        if (level < least) return
        val priority = when (level) {
            LogLevel.TRACE -> Log.VERBOSE
            LogLevel.DEBUG -> Log.DEBUG
            LogLevel.INFO -> Log.INFO
            LogLevel.WARN -> Log.WARN
            LogLevel.ERROR -> Log.ERROR
        }
        Log.println(priority, "tandem", "$target: $text")
    }
}
