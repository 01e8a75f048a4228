package hmachash

import (
	"context"
	"crypto/hmac"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Action guards an endpoint that Ainisa calls for a customer (a "custom API
// action"). It calls next with the verified id in the context, for [UserID],
// when the request has exactly one of each:
//
//   - the header named by header, with apiKey as its value: the pair that you
//     set for the action in Ainisa's dashboard. Compared in constant time.
//   - X-User-Id and X-User-Hash that fit together under the secret or a
//     previous one.
//
// Any other request gets 401 with a constant JSON body, whatever the fault, and
// next is not called. Answers are Cache-Control: no-store unless next says
// otherwise. The Origin header is not looked at: anybody can send it.
//
// The key is needed, since a user_hash never expires: with the hash alone one
// saved page would open that customer's API for ever.
//
// A header that is not a header's name, or has a meaning already (to Ainisa or
// to HTTP), an API key that is empty or cannot be a header's value, and a nil
// next are a *[FieldError].
//
// Source: Ainisa, "Custom API actions".
func (a *Ainisa) Action(header, apiKey string, next http.Handler) (http.Handler, error) {
	switch {
	case !isToken(header):
		return nil, &FieldError{"header", "must be the name of an HTTP header"}
	case slices.Contains(reserved, http.CanonicalHeaderKey(header)):
		return nil, &FieldError{"header", "must be one of your own: this one has a meaning already"}
	case apiKey == "":
		return nil, &FieldError{"apiKey", "must not be empty; ActionWithoutKey says what that would mean"}
	case strings.Trim(apiKey, " \t") != apiKey || strings.ContainsFunc(apiKey, isControl):
		return nil, &FieldError{"apiKey", "must not have control characters, or white space at its edges"}
	}
	hasKey := func(r *http.Request) bool {
		got, ok := single(r, header)
		return ok && hmac.Equal([]byte(got), []byte(apiKey))
	}
	return a.action(hasKey, next)
}

// ActionWithoutKey is [Ainisa.Action] without an API key. Whoever has seen a
// customer's user_hash in a page can then call the endpoint as that customer,
// for ever: use it only where something else keeps everybody but Ainisa out.
func (a *Ainisa) ActionWithoutKey(next http.Handler) (http.Handler, error) {
	return a.action(func(*http.Request) bool { return true }, next)
}

func (a *Ainisa) action(hasKey func(*http.Request) bool, next http.Handler) (http.Handler, error) {
	if next == nil {
		return nil, &FieldError{"next", "must not be nil"}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		id, hasID := single(r, "X-User-Id")
		hash, hasHash := single(r, "X-User-Hash")
		if !hasKey(r) || !hasID || !hasHash || !a.hasher.Verify(id, hash) {
			refuse(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userIDKey{}, id)))
	}), nil
}

// single returns the header's value if it was sent exactly once: of two, a
// proxy and this handler might each believe another.
func single(r *http.Request, header string) (string, bool) {
	values := r.Header.Values(header)
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

func refuse(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"error":"the caller or the customer could not be verified"}`+"\n")
}

type userIDKey struct{}

// UserID returns the customer's id that [Ainisa.Action] has verified for the
// request that ctx belongs to. It is false outside of such a request.
func UserID(ctx context.Context) (id string, ok bool) {
	id, ok = ctx.Value(userIDKey{}).(string)
	return id, ok
}

// reserved are the headers that Ainisa sends to everybody, and those that HTTP
// needs for itself, some of which net/http takes out.
var reserved = []string{
	"X-User-Id", "X-User-Hash", "Origin", "Locale", "Content-Type", "X-Requested-With",
	"Host", "Connection", "Content-Length", "Cookie", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// isToken checks the grammar of a header's name, RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
