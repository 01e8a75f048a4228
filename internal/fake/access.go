package fake

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Access decides which requests a service accepts.
type Access struct {
	APIKey         string // the only valid one
	AgentID        int64
	ForeignAgentID int64 // exists, but is not for the key

	// Count counts a request, sets headers, and returns how long it takes until the
	// limit allows another one. Nil: no limit.
	Count func(http.Header) (wait time.Duration)

	// Limit makes requests beyond the limit fail.
	Limit bool
}

// Check returns the status of the error for a request that the service does not
// accept: 401, 403, 404 or 429. It returns 200 for the others.
func (a *Access) Check(w http.ResponseWriter, r *http.Request, agent string) (status int) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || key != a.APIKey {
		return http.StatusUnauthorized
	}
	if a.Count != nil {
		if wait := a.Count(w.Header()); wait > 0 && a.Limit {
			SetRetryAfter(w.Header(), wait)
			return http.StatusTooManyRequests
		}
	}
	switch {
	case agent == strconv.FormatInt(a.AgentID, 10):
		return http.StatusOK
	case agent == strconv.FormatInt(a.ForeignAgentID, 10) && a.ForeignAgentID != 0:
		return http.StatusForbidden
	}
	return http.StatusNotFound
}

// Encode returns a value as JSON. It panics if there is none.
func Encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic("fake: " + err.Error())
	}
	return body
}

// WriteJSON writes a response. The client may have left.
func WriteJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
