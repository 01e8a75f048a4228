package bookbag

import (
	"strconv"
	"strings"
	"time"
)

// ParseSeconds parses Unix seconds, as a number or a string. Anything else is the zero
// time.
func ParseSeconds(b []byte) time.Time {
	seconds, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil || !(seconds > 0 && seconds < 1e12) { // NaN is neither
		return time.Time{}
	}
	return time.UnixMilli(int64(seconds * 1000))
}

// FormatSeconds returns Unix seconds, or null for the zero time.
func FormatSeconds(t time.Time) []byte {
	if t.IsZero() {
		return []byte("null")
	}
	return strconv.AppendInt(nil, t.Unix(), 10)
}
