package bookbag

import (
	"encoding/json"
	"strconv"
	"time"
)

// ParseSeconds reads Unix seconds, also in a string. Anything else is the zero
// time.
func ParseSeconds(b []byte) time.Time {
	var n json.Number
	if json.Unmarshal(b, &n) == nil {
		if seconds, err := n.Float64(); err == nil && seconds > 0 && seconds < 1e12 {
			return time.UnixMilli(int64(seconds * 1000))
		}
	}
	return time.Time{}
}

// FormatSeconds returns Unix seconds, or null for the zero time.
func FormatSeconds(t time.Time) []byte {
	if t.IsZero() {
		return []byte("null")
	}
	return strconv.AppendInt(nil, t.Unix(), 10)
}
