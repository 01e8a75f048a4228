package identity

import (
	"sync/atomic"
	"time"
)

const (
	defaultTTL = time.Hour
	maxTTL     = 24 * time.Hour
)

// Options of a [Minter]. The bounds are ours: the vendor states none.
type Options struct {
	// TTL is how long a token lives, in whole seconds, from one second to 24
	// hours. Default: 1 hour, as in the vendor's example.
	TTL time.Duration

	// Clock tells the time, to many goroutines. An [Opener] goes by time.Now
	// all the same. Default: time.Now.
	Clock func() time.Time
}

// Minter mints identity tokens. It comes from [NewMinter]; the zero value is
// not usable. It is safe for concurrent use, also while its key is changed.
type Minter struct {
	redacted
	seal  atomic.Pointer[sealer]
	ttl   time.Duration
	clock func() time.Time
}

// NewMinter returns a Minter that seals with key. The options may be nil. A
// bad key or TTL is a *[FieldError].
func NewMinter(key Key, options *Options) (*Minter, error) {
	var o Options
	if options != nil {
		o = *options
	}
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.TTL < time.Second || o.TTL > maxTTL || o.TTL%time.Second != 0 {
		return nil, &FieldError{"Options.TTL", "must be whole seconds, from 1 second to 24 hours"}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	m := &Minter{ttl: o.TTL, clock: o.Clock}
	if err := m.SetKey(key); err != nil {
		return nil, err
	}
	return m, nil
}

// SetKey makes key the one that tokens are sealed with from now on. Tokens of
// the old key are still opened by an [Opener] that knows it; whether Megadesk
// opens them is not documented. A bad key is a *[FieldError], and the old one
// stays.
func (m *Minter) SetKey(key Key) error {
	seal, err := newSealer(key)
	if err != nil {
		return err
	}
	m.seal.Store(&seal)
	return nil
}

// Mint returns a token for the customer that p describes, as a compact JWE:
// issued now, expiring after the TTL.
//
// A *[FieldError] reports a payload that has neither an id nor an email, a text that
// breaks the rules of [Payload], a key or value that breaks those of Extra and
// Services, or more than 8,192 bytes of claims. The maps of the payload must not be
// changed meanwhile.
//
// Source: Megadesk, "Personalized chat"; RFC 7516, RFC 7518 section 4.5. The
// bound on the claims is ours.
func (m *Minter) Mint(p Payload) (string, error) {
	now := m.clock()
	claims, err := p.claims(now, now.Add(m.ttl))
	if err != nil {
		return "", err
	}
	return (*m.seal.Load())(claims), nil
}
