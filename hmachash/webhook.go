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

// Why [BookbagWebhooks.Handler] rejects a request, for WebhookOptions.OnReject.
var (
	// ErrNoSignature: the header X-Bookbag-Signature is absent, was sent more than
	// once, or is not of the form sha256=<64 hex digits, or 44 characters of base64>.
	ErrNoSignature = errors.New("hmachash: webhook: no signature (does the request come from Bookbag?)")

	// ErrWrongSignature: no secret signs this body so.
	ErrWrongSignature = errors.New("hmachash: webhook: wrong signature (is it the secret of this webhook, and is the body unchanged?)")

	// ErrInvalidEvent: the body is signed, but is not {event, data, ts}.
	ErrInvalidEvent = errors.New("hmachash: webhook: the body is not an event with a name and a time in milliseconds")

	// ErrOutsideWindow: the event is older than WebhookOptions.Window, or as far in
	// the future.
	ErrOutsideWindow = errors.New("hmachash: webhook: the time of the event is outside the window (is it a replay, or is a clock wrong?)")

	// ErrBody: the body is longer than WebhookOptions.MaxBody, or did not arrive whole.
	ErrBody = errors.New("hmachash: webhook: cannot read the body")
)

// WebhookOptions of [NewBookbagWebhooks]. They show as [redacted] in fmt, slog and
// encoding/json, but their secrets are your own open strings.
type WebhookOptions struct {
	redacted

	// Previous are other secrets whose signatures are accepted: see Options.Previous.
	Previous []string

	// Window is how far the time of an event may be from now. Replays inside it are
	// yours to detect, by what the event says. Negative is a *[FieldError].
	// Default: 5 minutes.
	Window time.Duration

	// MaxBody is the most bytes of a body. Negative is a *[FieldError]. Default: 1 MiB.
	MaxBody int64

	// OnReject, if non-nil, is called after each rejection with an error that
	// errors.Is reports to be one of [ErrNoSignature], [ErrWrongSignature],
	// [ErrInvalidEvent], [ErrOutsideWindow] and [ErrBody].
	OnReject func(*http.Request, error)
}

// BookbagWebhooks verifies the events that Bookbag posts to your server. It comes
// from [NewBookbagWebhooks]; the zero value is not usable. It is safe for concurrent
// use. However it is printed or encoded, it shows as [redacted].
type BookbagWebhooks struct {
	redacted
	hasher  *Hasher
	options WebhookOptions
}

// NewBookbagWebhooks returns a BookbagWebhooks for the secret of a webhook, which is
// not the signing secret of the widget. The options may be nil. A secret that
// [NewBookbag] would reject is a *[FieldError].
//
// Source: Bookbag, "Webhooks". That the signature is hex is convention; the
// documentation does not say so, and standard base64 is accepted too.
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
	o.Previous = nil
	return &BookbagWebhooks{hasher: h, options: o}, nil
}

// SetSecret is [Hasher.SetSecret], with the rules of [NewBookbagWebhooks].
func (b *BookbagWebhooks) SetSecret(secret string, options *Options) error {
	return b.hasher.SetSecret(secret, options)
}

// BookbagEvent is what a webhook reports.
type BookbagEvent struct {
	Name string          // such as "lead.created"
	Data json.RawMessage // nil if there is none; the casing of its keys is not documented
	Time time.Time       // when Bookbag sent it, to the millisecond
}

// Handler calls next with the event in the context, for [Event], and with the body to
// be read again, when a secret has signed the body and the event's time is inside the
// window. Any other request gets 401 with a constant JSON body. A nil next is a
// *[FieldError]. Set http.Server.ReadTimeout, or whoever sends a body slowly keeps a
// connection open.
//
// Source: Bookbag, "Webhooks".
func (b *BookbagWebhooks) Handler(next http.Handler) (http.Handler, error) {
	if next == nil {
		return nil, &FieldError{"next", "must not be nil"}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		event, body, err := b.verify(w, r)
		if err != nil {
			reject(w, "the event could not be verified")
			if b.options.OnReject != nil {
				b.options.OnReject(r, err)
			}
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
	e, err = parseEvent(body)
	if err != nil {
		return e, nil, err
	}
	if time.Since(e.Time).Abs() > b.options.Window {
		return e, nil, ErrOutsideWindow
	}
	return e, body, nil
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

// Sign returns the X-Bookbag-Signature of a body under the current secret, for your
// own tests.
func (b *BookbagWebhooks) Sign(body []byte) string {
	digits := b.hasher.mac(string(body))
	return "sha256=" + string(digits[:])
}

type eventKey struct{}

// Event returns the event that [BookbagWebhooks.Handler] has verified for the request
// that ctx belongs to. It is false outside of such a request.
func Event(ctx context.Context) (event BookbagEvent, ok bool) {
	event, ok = ctx.Value(eventKey{}).(BookbagEvent)
	return event, ok
}
