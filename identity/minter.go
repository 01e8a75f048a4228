package identity

import (
	"sync/atomic"
	"time"
)

const (
	defaultTTL = time.Hour
	maxTTL     = 24 * time.Hour
)

// Options configure a [Minter]. Zero fields mean the defaults.
type Options struct {
	// TTL is how long a token is valid: whole seconds, from one second to 24 hours.
	// The vendor documents no bounds. Other values are a *[FieldError]. Default: 1
	// hour, as in the vendor's example.
	TTL time.Duration

	// Clock returns the current time. It must be safe for concurrent use. An [Opener]
	// uses time.Now in any case. Default: time.Now.
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

// NewMinter returns a Minter that encrypts with key. The options may be nil. A key that
// does not come from [ParseKey], or a bad TTL, is a *[FieldError].
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

var errNoMinter = &FieldError{"Minter", "must come from NewMinter (was its error ignored?)"}

// SetKey makes m encrypt tokens with key from now on. Whether Megadesk still opens tokens
// of the previous key is not documented; an [Opener] that has both keys does. A key that
// does not come from [ParseKey] is a *[FieldError], and the previous key stays.
func (m *Minter) SetKey(key Key) error {
	if m == nil || m.clock == nil {
		return errNoMinter
	}
	seal, err := newSealer(key)
	if err != nil {
		return err
	}
	m.seal.Store(&seal)
	return nil
}

// Mint returns a token for the customer that p describes, as a compact JWE. It is issued
// now and expires after the TTL.
//
// A payload without an id and an e-mail address, a text that breaks the rules of
// [Payload], a key or value that breaks those of Extra and Services, and claims of more
// than 8,192 bytes are a *[FieldError]. The maps of the payload must not be changed
// during the call.
//
// Source: Megadesk, "Personalized chat"; RFC 7516; RFC 7518 section 4.5. The bound on
// the claims is not the vendor's.
func (m *Minter) Mint(p Payload) (string, error) {
	if m == nil || m.clock == nil {
		return "", errNoMinter
	}
	now := m.clock()
	claims, err := p.claims(now, now.Add(m.ttl))
	if err != nil {
		return "", err
	}
	return (*m.seal.Load())(claims), nil
}
