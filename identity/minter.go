package identity

import (
	"cmp"
	"sync/atomic"
	"time"
)

const (
	defaultTTL = time.Hour
	maxTTL     = 24 * time.Hour
)

// Options configure a [Minter]. Zero fields mean the defaults.
type Options struct {
	// TTL is how long a token is valid: whole seconds, from 1 second to 24 hours. Other
	// values are a *[FieldError]. The vendor documents no limits. Default: 1 hour, as in
	// the vendor's example.
	TTL time.Duration

	// Clock returns the current time. It must be safe for concurrent use. An [Opener]
	// always uses time.Now. Default: time.Now.
	Clock func() time.Time
}

// Minter mints identity tokens. It comes from [NewMinter]; the zero value is
// not usable. It is safe for concurrent use, including SetKey.
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
	o.TTL = cmp.Or(o.TTL, defaultTTL)
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

// SetKey replaces the key with which m encrypts tokens. Whether Megadesk still accepts
// tokens of the previous key is not documented; an [Opener] with both keys does. A key
// that does not come from [ParseKey] is a *[FieldError], and m keeps the previous key.
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

// Mint returns a token for the customer whom p describes, as a compact JWE. It is issued
// now and expires after Options.TTL.
//
// The error is a *[FieldError] if p has neither an id nor an e-mail address, if a text
// breaks the rules of [Payload], if a key or value breaks those of Extra and Services, or
// if the claims are larger than 8,192 bytes. The maps of p must not be changed during the
// call.
//
// Source: Megadesk, "Personalized chat"; RFC 7516; RFC 7518 section 4.5. The limit
// on the claims is this package's own.
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
