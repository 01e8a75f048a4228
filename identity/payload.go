package identity

import (
	"cmp"
	"maps"
	"strings"

	"github.com/chatident/chatident/internal/field"
	"github.com/chatident/chatident/internal/value"
)

// Payload describes the signed-in customer. User.ID or User.Email is required; all other
// fields are optional. No text may begin or end with white space. No id may be a text
// that means "not set", such as "null", "undefined", "<nil>" or the nil UUID.
//
// Source of all fields: Megadesk, "Personalized chat" and "Custom data".
type Payload struct {
	User         UserDetail   // becomes the claim userDetail
	Integrations Integrations // becomes the claim integrations
}

// UserDetail is the claim userDetail. The chatbot sees it, and so do the model,
// the visitor, the tickets and the actions. ID, Email, Name and Plan are left out if empty.
type UserDetail struct {
	// ID is the customer's id in your system. It becomes userDetail.id.
	ID string

	// Email becomes userDetail.email. Set only an address that this customer has
	// confirmed: it opens the ticket list, the chat history and the Stripe look-up of
	// its owner.
	Email string

	// Name is the full name. It becomes both userDetail.name and userDetail.fullName,
	// because two pages of the vendor's documentation disagree.
	Name string

	// Plan becomes userDetail.plan.
	Plan string

	// Extra has further keys of userDetail, which Megadesk shows in the ticket's
	// sidebar. A key must not be empty, contain a dot, or be id, email, name, fullName
	// or plan. A key of a nested map may, but a path of an action cannot reach a key
	// that is empty or contains a dot.
	//
	// JavaScript must read each value back unchanged. A value is a string of valid UTF-8
	// without NUL, a boolean, nil, an integer of at most 2^53-1 in size (pass a larger
	// one as a string), a finite float, a time other than the zero time, a map with
	// string keys or a slice of these, at most 32 deep, or a pointer to one. Of a
	// driver.Valuer such as sql.NullString, the value is used, and NULL is left out. The
	// result of a MarshalJSON method is decoded and must follow the same rules. Unlike in
	// the other fields and in Services, an empty string is kept: omit the key to leave it
	// out.
	Extra map[string]any
}

// Integrations is the claim integrations. Only actions and prebuilt integrations on
// Megadesk's servers see it, not the visitor or the model. Empty strings are left out.
type Integrations struct {
	// StripeCustomerID becomes integrations.stripe.customerId. It enables refunds and
	// subscription actions. Megadesk treats it as verified, so never take it from a
	// field that the customer can edit. If it is empty, Megadesk looks the customer up
	// by e-mail address and marks the match as unverified.
	StripeCustomerID string

	// StripeSubscriptionStatus becomes integrations.stripe.subscriptionStatus. Only an
	// older page of the vendor's documentation has it.
	StripeSubscriptionStatus string

	// Services has further services, as integrations.<service>.<key>. A service or key
	// must not be empty or contain a dot. The service stripe is rejected, because it has
	// the fields above. The rules for values are those of Extra. Empty strings, nil and
	// services without values are left out.
	Services map[string]map[string]any
}

// Lookup returns the value at a path such as "userDetail.email" or
// "integrations.stripe.customerId", which Megadesk maps to a variable of an action. The
// names are those in the token. A path can go into a map[string]any within Extra and
// Services, but not into other types. Lookup reports false for a value that is left out
// of the token, and for the objects userDetail, integrations and integrations.stripe.
//
// Source: Megadesk, "Custom data".
func (p Payload) Lookup(path string) (any, bool) {
	root, rest, _ := strings.Cut(path, ".")
	key, below, deeper := strings.Cut(rest, ".")
	switch root {
	case "userDetail":
		if f := p.User.field(key); f != nil {
			return present(*f, deeper)
		}
		return walk(p.User.Extra, rest)
	case "integrations":
		if key == "stripe" {
			if f := p.Integrations.stripeField(below); f != nil {
				return present(*f, false)
			}
			return nil, false
		}
		service := withoutEmpty(p.Integrations.Services[key])
		if len(service) == 0 {
			return nil, false
		}
		if !deeper {
			return service, true
		}
		return walk(service, below)
	}
	return nil, false
}

func present(s string, deeper bool) (any, bool) {
	if s == "" || deeper {
		return nil, false
	}
	return s, true
}

func walk(m map[string]any, path string) (any, bool) {
	key, rest, deeper := strings.Cut(path, ".")
	v, ok := m[key]
	if resolved, _ := value.Of(v); !ok || resolved.Kind == value.Absent {
		return nil, false
	}
	if !deeper {
		return v, true
	}
	below, _ := v.(map[string]any)
	return walk(below, rest)
}

// services returns the Services with something in them.
func (i *Integrations) services() map[string]map[string]any {
	services := maps.Clone(i.Services)
	for name, service := range services {
		services[name] = withoutEmpty(service)
	}
	maps.DeleteFunc(services, func(_ string, service map[string]any) bool { return len(service) == 0 })
	return services
}

// withoutEmpty leaves out empty strings, nil and NULL: to the vendor, an empty customer
// id is worse than none.
func withoutEmpty(service map[string]any) map[string]any {
	service = maps.Clone(service)
	maps.DeleteFunc(service, func(_ string, v any) bool {
		resolved, _ := value.Of(v)
		return resolved.Kind <= value.Null || resolved.Kind == value.String && resolved.Text == ""
	})
	return service
}

// field returns the field of a documented key of userDetail, nil for other keys.
func (u *UserDetail) field(key string) *string {
	switch key {
	case "id":
		return &u.ID
	case "email":
		return &u.Email
	case "name", "fullName":
		return &u.Name
	case "plan":
		return &u.Plan
	}
	return nil
}

// stripeField does the same for integrations.stripe.
func (i *Integrations) stripeField(key string) *string {
	switch key {
	case "customerId":
		return &i.StripeCustomerID
	case "subscriptionStatus":
		return &i.StripeSubscriptionStatus
	}
	return nil
}

// check applies the rules of the named texts and of the keys.
func (p *Payload) check() error {
	if p.User.ID == "" && p.User.Email == "" {
		return &FieldError{"userDetail", "must have an id or an email (for a visitor who is not signed in, return no payload)"}
	}
	if err := cmp.Or(
		checkRule("userDetail.id", field.OptionalID(p.User.ID)),
		checkRule("userDetail.email", field.Text(p.User.Email)),
		checkRule("userDetail.name", field.Text(p.User.Name)),
		checkRule("userDetail.plan", field.Text(p.User.Plan)),
		checkRule("integrations.stripe.customerId", field.OptionalID(p.Integrations.StripeCustomerID)),
		checkRule("integrations.stripe.subscriptionStatus", field.Text(p.Integrations.StripeSubscriptionStatus)),
	); err != nil {
		return err
	}
	for key := range p.User.Extra {
		if err := checkKey("userDetail", key, p.User.field(key) != nil); err != nil {
			return err
		}
	}
	for name, service := range p.Integrations.Services {
		if err := checkKey("integrations", name, name == "stripe"); err != nil {
			return err
		}
		for key := range service {
			if err := checkKey("integrations"+value.Path(name), key, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkKey(parent, key string, taken bool) error {
	path := parent + value.Path(key)
	switch {
	case key == "":
		return &FieldError{path, "must not have an empty key"}
	case strings.Contains(key, "."):
		return &FieldError{path, "must not have a dot in its key"}
	case taken:
		return &FieldError{path, "must be set by the field of that name"}
	}
	return nil
}
