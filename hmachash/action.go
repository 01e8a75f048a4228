package hmachash

import (
	"cmp"
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/field"
	"github.com/chatident/chatident/internal/secret"
)

// The reasons for which [Ainisa.Action] rejects a request, for ActionOptions.OnReject.
var (
	// ErrNoKey means that the header of the API key is absent or was sent more than once.
	ErrNoKey = errors.New("hmachash: action: no API key (does the action in Ainisa's dashboard have the header?)")

	// ErrWrongKey means that the API key is not the expected one.
	ErrWrongKey = errors.New("hmachash: action: wrong API key (does the action in Ainisa's dashboard have this one?)")

	// ErrNoUser means that X-User-Id or X-User-Hash is absent or empty, as for a visitor
	// who is not signed in, or was sent more than once.
	ErrNoUser = errors.New("hmachash: action: no user (is the visitor signed in, and the block in the page?)")

	// ErrInvalidUserID means that X-User-Id is an id that [Ainisa.Identify] rejects.
	ErrInvalidUserID = errors.New("hmachash: action: invalid user id")

	// ErrWrongHash means that X-User-Hash is not the hash of X-User-Id with any secret.
	ErrWrongHash = errors.New("hmachash: action: the hash does not match the user id (do the page and this server have the same secret?)")
)

// ActionOptions configure [Ainisa.Action]. Zero fields mean the defaults.
type ActionOptions struct {
	// OnReject, if non-nil, is called after each 401 with an error that wraps one of
	// [ErrNoKey], [ErrWrongKey], [ErrNoUser], [ErrInvalidUserID] and [ErrWrongHash]. The
	// error contains nothing from the request. Default: nil.
	OnReject func(*http.Request, error)

	// WithoutKey accepts requests without an API key; header and apiKey must then be
	// empty. Set it only if something else restricts the endpoint to Ainisa. Otherwise
	// anyone who has seen a customer's user_hash in a page can call the endpoint as that
	// customer. Default: false.
	WithoutKey bool

	// Anonymous also accepts requests of visitors who are not signed in, in which
	// X-User-Id and X-User-Hash are both absent or empty. [UserID] reports false for
	// them. The key is still required. Default: false.
	Anonymous bool
}

// Action returns a handler for calls that Ainisa makes for a customer. It calls next,
// with the verified id in the context for [UserID], if a request has exactly one of each:
//
//   - header with the value apiKey, as set for the action in Ainisa's dashboard;
//   - X-User-Id, and X-User-Hash with its hash by the current secret or a previous one.
//     An id that is not valid UTF-8 is decoded as Latin-1.
//
// Any other request gets 401 with a constant JSON body. Responses have Cache-Control:
// no-store unless next changes it.
//
// header must be Authorization, or a name that ends in Key, Token, Secret, Password or
// Auth (X-Api-Key) and that no proxy, browser or framework sets. apiKey must be visible
// ASCII; in Authorization, a scheme such as "Bearer " may precede it. Other values and a
// nil next are a *[FieldError]. The options may be nil.
//
// Source: Ainisa, "Custom API actions".
func (a *Ainisa) Action(header, apiKey string, next http.Handler, options *ActionOptions) (http.Handler, error) {
	if a == nil {
		return nil, notMade("Ainisa", "NewAinisa")
	}
	h := action{hasher: a.hasher, header: header, next: next}
	if options != nil {
		h.options = *options
	}
	switch {
	case next == nil:
		return nil, &FieldError{"next", "must not be nil"}
	case h.options.WithoutKey && h.options.Anonymous:
		return nil, &FieldError{"ActionOptions.Anonymous", "must not be combined with WithoutKey, which would let everybody in"}
	case h.options.WithoutKey && header+apiKey != "":
		return nil, &FieldError{"ActionOptions.WithoutKey", "must not be combined with a header and an apiKey (pass two empty strings)"}
	case h.options.WithoutKey:
		return h, nil
	}
	if err := cmp.Or(checkRule("header", secret.CheckHeader(header)), checkRule("apiKey", secret.CheckIn(header, apiKey))); err != nil {
		return nil, err
	}
	h.isKey = func(key string) bool { return hmac.Equal([]byte(key), []byte(apiKey)) }
	return h, nil
}

type action struct {
	hasher  *Hasher
	header  string
	isKey   func(string) bool
	next    http.Handler
	options ActionOptions
}

func (h action) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	id, err := h.verify(r)
	switch {
	case err != nil:
		reject(w, r, "the caller or the customer could not be verified", err, h.options.OnReject)
	case id == "":
		h.next.ServeHTTP(w, r)
	default:
		h.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userIDKey{}, id)))
	}
}

// verify returns no id and no error for a visitor who may be anonymous.
func (h action) verify(r *http.Request) (id string, err error) {
	if !h.options.WithoutKey {
		key, err := single(r, h.header, ErrNoKey)
		if err != nil {
			return "", err
		}
		if !h.isKey(key) {
			return "", ErrWrongKey
		}
	}
	if h.options.Anonymous && strings.Join(r.Header.Values("X-User-Id"), "")+strings.Join(r.Header.Values("X-User-Hash"), "") == "" {
		return "", nil
	}
	id, noID := single(r, "X-User-Id", ErrNoUser)
	hash, noHash := single(r, "X-User-Hash", ErrNoUser)
	if err := cmp.Or(noID, noHash); err != nil {
		return "", err
	}
	id = decodeLatin1(id)
	if rule := field.PageID(id); rule != "" {
		return "", fmt.Errorf("%w: it %s", ErrInvalidUserID, rule)
	}
	if !h.hasher.Verify(id, hash) {
		return "", ErrWrongHash
	}
	return id, nil
}

// single returns the header's value if it was sent exactly once and is not empty:
// of two, a proxy and this handler might each believe another.
func single(r *http.Request, header string, missing error) (string, error) {
	values := r.Header.Values(header)
	if len(values) != 1 || values[0] == "" {
		return "", fmt.Errorf("%w: expected one header %s that is not empty, got %d headers", missing, header, len(values))
	}
	return values[0], nil
}

// decodeLatin1 takes a value that is not valid UTF-8 for Latin-1, in which HTTP
// clients such as Node's write "müller".
func decodeLatin1(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	var text []rune
	for _, c := range []byte(value) {
		text = append(text, rune(c))
	}
	return string(text)
}

// reject responds with 401 and a constant sentence, and reports err.
func reject(w http.ResponseWriter, r *http.Request, sentence string, err error, onReject func(*http.Request, error)) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"error":"`+sentence+"\"}\n")
	if onReject != nil {
		onReject(r, err)
	}
}

type userIDKey struct{}

// UserID returns the customer's id that [Ainisa.Action] verified, from the context of the
// request. It reports false for any other context, and for a visitor who is not signed in
// (see ActionOptions.Anonymous).
func UserID(ctx context.Context) (id string, ok bool) {
	id, ok = ctx.Value(userIDKey{}).(string)
	return id, ok
}
