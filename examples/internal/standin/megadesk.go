package standin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/chatident/chatident/identity"
)

// Megadesk is the stand-in for Megadesk. It serves GET /megadesk/embed.js and
// POST /megadesk/identify.
type Megadesk struct {
	vendor
	opener *identity.Opener
	mux    *http.ServeMux
}

// NewMegadesk returns a stand-in that opens tokens with its copy of the shop's Encryption
// Key.
func NewMegadesk(encryptionKey string) (*Megadesk, error) {
	key, err := identity.ParseKey(encryptionKey)
	if err != nil {
		return nil, err
	}
	opener, err := identity.NewOpener(key)
	if err != nil {
		return nil, err
	}
	m := &Megadesk{opener: opener, mux: http.NewServeMux()}
	m.mux.HandleFunc("GET /megadesk/embed.js", m.serveScript("megadesk.js"))
	m.mux.HandleFunc("POST /megadesk/identify", serveIdentify(&m.vendor, m.verify))
	return m, nil
}

func (m *Megadesk) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// megadeskClaim is the response of the shop's endpoint.
type megadeskClaim struct {
	Identity *string `json:"identity"`
}

func (m *Megadesk) verify(c megadeskClaim) claim {
	if c.Identity == nil {
		return claim{reason: "The shop sent no identity: an anonymous visitor."}
	}
	opened, err := m.opener.Open(*c.Identity)
	switch {
	case errors.Is(err, identity.ErrExpired):
		return claim{rejected: true, reason: "Rejected: the token has expired."}
	case err != nil:
		return claim{rejected: true, reason: "Rejected: the token cannot be decrypted with the shop's key."}
	}
	return claim{
		reason: "The token was encrypted with the shop's key, so every field comes from the shop's server.",
		fields: fieldsOf(opened.Payload),
	}
}

func fieldsOf(p identity.Payload) []Field {
	paths := []string{"userDetail.id", "userDetail.name", "userDetail.email", "userDetail.plan"}
	for _, key := range slices.Sorted(maps.Keys(p.User.Extra)) {
		paths = append(paths, "userDetail."+key)
	}
	paths = append(paths, "integrations.stripe.customerId", "integrations.stripe.subscriptionStatus")
	var fields []Field
	for _, path := range paths {
		if v, ok := p.Lookup(path); ok {
			fields = append(fields, Field{Name: path, Value: fmt.Sprint(v), Verified: true})
		}
	}
	return fields
}
