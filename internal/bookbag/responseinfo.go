package bookbag

import (
	"net/http"
	"strconv"
	"time"
)

// ResponseInfo is what every response has in addition to its body.
type ResponseInfo struct {
	RequestID  string
	RateLimit  RateLimit
	RetryAfter time.Duration // 0 if the response does not say
}

// RateLimit is the state of the key's budget, as far as the response has it.
type RateLimit struct {
	Limit, Remaining int       // 0 and 0 when unknown
	Reset            time.Time // zero when unknown
}

func (s sanitizer) parseInfo(h http.Header) ResponseInfo {
	now := time.Now()
	return ResponseInfo{
		RequestID: s.text(h.Get("X-Request-Id"), maxShort),
		RateLimit: RateLimit{
			Limit:     parseCount(h.Get("X-Ratelimit-Limit")),
			Remaining: parseCount(h.Get("X-Ratelimit-Remaining")),
			Reset:     parseTime(h.Get("X-Ratelimit-Reset"), now),
		},
		RetryAfter: parseRetryAfter(h.Get("Retry-After"), now),
	}
}

func parseCount(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// maxSeconds is the longest time from now that is read: a day.
const maxSeconds = 86400

// parseTime determines the unit by the size of the number, because the documentation
// contradicts itself: above 1e11 it is milliseconds since 1970, above 1e9 seconds since
// 1970, otherwise seconds from now.
func parseTime(text string, now time.Time) time.Time {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil, !(n >= 0 && n <= 1e14): // NaN is neither
		return time.Time{}
	case n > 1e11:
		return time.UnixMilli(int64(n))
	case n > 1e9:
		return time.Unix(int64(n), 0)
	}
	return now.Add(time.Duration(min(n, maxSeconds) * float64(time.Second)))
}

// parseRetryAfter parses a date (RFC 9110 section 10.2.3), or a number as parseTime does.
func parseRetryAfter(text string, now time.Time) time.Duration {
	at := parseTime(text, now)
	if at.IsZero() {
		at, _ = http.ParseTime(text)
	}
	return min(max(0, at.Sub(now)), maxSeconds*time.Second)
}
