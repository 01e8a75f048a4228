package bookbag

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// RateLimit is the state of the key's budget, as far as the answer tells it.
type RateLimit struct {
	Limit, Remaining int       // 0 and 0 when unknown
	Reset            time.Time // zero when unknown
}

func (f foreign) parseInfo(h http.Header) ResponseInfo {
	return ResponseInfo{
		RequestID: f.text(h.Get("X-Request-Id"), maxShort),
		RateLimit: RateLimit{
			Limit:     parseCount(h.Get("X-Ratelimit-Limit")),
			Remaining: parseCount(h.Get("X-Ratelimit-Remaining")),
			Reset:     parseReset(h.Get("X-Ratelimit-Reset")),
		},
		RetryAfter: parseRetryAfter(h.Get("Retry-After")),
	}
}

func parseCount(text string) int {
	if text == "" { // as mostly: strconv and time would make errors for it
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// parseReset goes by the size of the number, for the documentation contradicts
// itself about its unit: above 1e11 it is milliseconds since 1970, above 1e9
// seconds since 1970, else seconds from now.
func parseReset(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil, math.IsNaN(n), n < 0, n > 1e14:
		return time.Time{}
	case n > 1e11:
		return time.UnixMilli(int64(n))
	case n > 1e9:
		return time.Unix(int64(n), 0)
	}
	return time.Now().Add(seconds(n))
}

// parseRetryAfter reads seconds, or a date (RFC 9110 section 10.2.3), or a time since
// 1970 by the rule of parseReset.
func parseRetryAfter(text string) time.Duration {
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(n) || n < 0 {
			return 0
		}
		if at := parseReset(text); n > 1e9 && !at.IsZero() {
			n = max(0, time.Until(at).Seconds())
		}
		return seconds(n)
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// seconds is capped at a day: longer is not waited for, and does not overflow.
func seconds(n float64) time.Duration {
	return time.Duration(min(n, 86400) * float64(time.Second))
}
