package hmachash

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// The reasons for which [BookbagWebhooks.Handler] rejects a request, for
// WebhookOptions.OnReject.
var (
	// ErrNoSignature means that the header X-Bookbag-Signature is absent, was sent more
	// than once, or is not sha256= and 64 hexadecimal digits or 44 characters of base64.
	ErrNoSignature = errors.New("hmachash: webhook: no signature (does the request come from Bookbag?)")

	// ErrWrongSignature means that the signature does not match the body with any secret.
	ErrWrongSignature = errors.New("hmachash: webhook: wrong signature (is it the secret of this webhook, and is the body unchanged?)")

	// ErrInvalidEvent means that the signature is right, but the body is not an object
	// with a name in event and a positive time in ts.
	ErrInvalidEvent = errors.New("hmachash: webhook: the body is not an event with a name and a time in milliseconds")

	// ErrOutsideWindow means that the event's time is further from now than
	// WebhookOptions.Window.
	ErrOutsideWindow = errors.New("hmachash: webhook: the time of the event is outside the window (is it a replay, or is a clock wrong?)")

	// ErrBody means that the body is longer than WebhookOptions.MaxBody or did not arrive
	// completely.
	ErrBody = errors.New("hmachash: webhook: cannot read the body")
)

// WebhookOptions configure [NewBookbagWebhooks]. Zero fields mean the defaults. They print
// and encode like [Options].
type WebhookOptions struct {
	redacted

	// Previous are further secrets whose signatures are accepted: see Options.Previous.
	// Default: none.
	Previous []string

	// Window is the maximum difference between an event's time and now. An event that is
	// sent again within it is accepted: detect that by the event's data. A negative value
	// is a *[FieldError]. Default: 5 minutes.
	Window time.Duration

	// MaxBody is the maximum length of a body in bytes. A negative value is a
	// *[FieldError]. Default: 1 MiB.
	MaxBody int64

	// OnReject, if non-nil, is called after each 401 with an error that wraps one of
	// [ErrNoSignature], [ErrWrongSignature], [ErrInvalidEvent], [ErrOutsideWindow] and
	// [ErrBody]. Default: nil.
	OnReject func(*http.Request, error)
}

// BookbagWebhooks verifies the events that Bookbag posts to your server. It comes from
// [NewBookbagWebhooks]; the zero value is not usable. It is safe for concurrent use. It
// prints and encodes as [redacted].
type BookbagWebhooks struct {
	redacted
	hasher  *Hasher
	options WebhookOptions
}

// NewBookbagWebhooks returns a BookbagWebhooks for the secret of a webhook, which is not
// the signing secret of the widget. The options may be nil. A secret that [NewBookbag]
// would reject, or a bad option, is a *[FieldError].
//
// Source: Bookbag, "Webhooks". The encoding of the signature is not documented, so
// both hexadecimal digits, which are the convention, and standard base64 are accepted.
func NewBookbagWebhooks(secret string, options *WebhookOptions) (*BookbagWebhooks, error) {
	var o WebhookOptions
	if options != nil {
		o = *options
	}
	switch {
	case o.Window < 0:
		return nil, &FieldError{"WebhookOptions.Window", "must not be negative"}
	case o.MaxBody < 0:
		return nil, &FieldError{"WebhookOptions.MaxBody", "must not be negative"}
	}
	o.Window = cmp.Or(o.Window, 5*time.Minute)
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
	h, err := newHasher(secret, &Options{Previous: o.Previous}, checkVendorSecret)
	if err != nil {
		return nil, err
	}
	o.Previous = nil // the hasher has them
	return &BookbagWebhooks{hasher: h, options: o}, nil
}

// SetSecret is like [Hasher.SetSecret], with the rules of [NewBookbagWebhooks]. The other
// options stay as they are.
func (b *BookbagWebhooks) SetSecret(secret string, options *Options) error {
	if b == nil {
		return notMade("BookbagWebhooks", "NewBookbagWebhooks")
	}
	return b.hasher.SetSecret(secret, options)
}

// BookbagEvent is the content of a webhook's request.
type BookbagEvent struct {
	Name string          // such as "lead.created"
	Data json.RawMessage // nil if there is none; the casing of its keys is not documented
	Time time.Time       // when Bookbag sent it, to the millisecond
}

// Handler returns a handler that calls next if the signature of the body is right and the
// event's time is within the window. The event is in the context for [Event], and next
// can read the body again. Any other request gets 401 with a constant JSON body. A nil
// next is a *[FieldError]. Set http.Server.ReadTimeout against bodies that arrive slowly.
//
// Source: Bookbag, "Webhooks".
func (b *BookbagWebhooks) Handler(next http.Handler) (http.Handler, error) {
	switch {
	case b == nil || b.hasher == nil:
		return nil, notMade("BookbagWebhooks", "NewBookbagWebhooks")
	case next == nil:
		return nil, &FieldError{"next", "must not be nil"}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		event, body, err := b.verify(w, r)
		if err != nil {
			reject(w, r, "the event could not be verified", err, b.options.OnReject)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), eventKey{}, event))
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	}), nil
}

func (b *BookbagWebhooks) verify(w http.ResponseWriter, r *http.Request) (e BookbagEvent, body []byte, err error) {
	header, err := single(r, "X-Bookbag-Signature", ErrNoSignature)
	if err != nil {
		return e, nil, err
	}
	signature, err := parseSignature(header)
	if err != nil {
		return e, nil, err
	}
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, b.options.MaxBody))
	if err != nil {
		return e, nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	if !b.hasher.verify(string(body), signature) {
		return e, nil, ErrWrongSignature
	}
	if e, err = parseEvent(body); err == nil && time.Since(e.Time).Abs() > b.options.Window {
		err = ErrOutsideWindow
	}
	return e, body, err
}

// parseSignature returns the digest as lower-case hex digits.
func parseSignature(header string) ([]byte, error) {
	text, ok := strings.CutPrefix(header, "sha256=")
	digest, err := hex.DecodeString(text)
	if len(text) == base64.StdEncoding.EncodedLen(hashSize/2) {
		digest, err = base64.StdEncoding.Strict().DecodeString(text)
	}
	if !ok || err != nil || len(digest) != hashSize/2 {
		return nil, fmt.Errorf("%w: expected sha256= and 64 hexadecimal digits, or 44 characters of base64", ErrNoSignature)
	}
	return hex.AppendEncode(nil, digest), nil
}

func parseEvent(body []byte) (BookbagEvent, error) {
	var wire struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
		TS    int64           `json:"ts"`
	}
	if json.Unmarshal(body, &wire) != nil || wire.Event == "" || wire.TS <= 0 {
		return BookbagEvent{}, ErrInvalidEvent
	}
	return BookbagEvent{wire.Event, wire.Data, time.UnixMilli(wire.TS)}, nil
}

// Sign returns the header X-Bookbag-Signature for a body, with the current secret, for
// your tests.
func (b *BookbagWebhooks) Sign(body []byte) string {
	digits := b.hasher.mac(string(body))
	return "sha256=" + string(digits[:])
}

type eventKey struct{}

// Event returns the event that [BookbagWebhooks.Handler] verified, from the context of the
// request. It reports false for any other context.
func Event(ctx context.Context) (event BookbagEvent, ok bool) {
	event, ok = ctx.Value(eventKey{}).(BookbagEvent)
	return event, ok
}
