package identity

import (
	"cmp"
	"maps"
	"strings"

	"github.com/chatident/chatident/internal/field"
	"github.com/chatident/chatident/internal/value"
)

// Payload is what a token says of the signed-in customer. It needs a User.ID
// or a User.Email; everything else is optional. No text may have white space at
// its edges, and no id may be a text that means "not set", such as "null",
// "undefined", "<nil>", or the nil UUID.
//
// Source of all fields: Megadesk, "Personalized chat" and "Custom data".
type Payload struct {
	User         UserDetail   // becomes the claim userDetail
	Integrations Integrations // becomes the claim integrations
}

// UserDetail is the claim userDetail. The chatbot sees it, and so do the model,
// the visitor, the tickets and the actions. Empty strings are left out.
type UserDetail struct {
	// ID is the customer's id in your system, as userDetail.id.
	ID string

	// Email: set only an address that you have verified, for it opens the
	// ticket list, the chat history and the Stripe look-up of its owner. It
	// becomes userDetail.email.
	Email string

	// Name is the full name. It becomes both userDetail.name and
	// userDetail.fullName, since the vendor's two pages disagree.
	Name string

	// Plan becomes userDetail.plan.
	Plan string

	// Extra holds further keys of userDetail, shown in the ticket's sidebar. A key
	// must not be empty, contain a dot, or be one of the documented ones: id,
	// email, name, fullName, plan. (Keys of maps inside of values may, but then no
	// path reaches them.)
	//
	// The values are those that JavaScript reads back unchanged: strings of valid
	// UTF-8 without NUL, booleans, nil, integers up to 2^53-1 in size (pass others
	// as strings), finite floats, times, maps with string keys and slices of these,
	// at most 32 deep, and pointers to these. A driver.Valuer such as
	// sql.NullString counts as what it holds, and its NULL is left out.
	Extra map[string]any
}

// Integrations is the claim integrations. Only actions and prebuilt
// integrations on Megadesk's servers see it. Empty strings are left out.
type Integrations struct {
	// StripeCustomerID enables refunds and subscription actions, used as
	// verified: never take it from a field that the customer can edit. Leave it
	// empty when you don't have it; Megadesk then looks the customer up by
	// e-mail and marks the match unverified. It becomes
	// integrations.stripe.customerId.
	StripeCustomerID string

	// StripeSubscriptionStatus becomes integrations.stripe.subscriptionStatus.
	// Only the vendor's older page names it.
	StripeSubscriptionStatus string

	// Services holds further services, as integrations.<service>.<key>. The
	// names and keys must not be empty or contain a dot, and stripe is taken by
	// the two fields above. The values are those of Extra; an empty string or nil
	// is left out, and so is a service without values.
	Services map[string]map[string]any
}

// Lookup returns the value at a path such as "userDetail.email" or
// "integrations.stripe.customerId", by the same names that the token has. A
// path goes on into any map[string]any below Extra and Services, but not into
// other types. An empty documented field counts as absent. Objects of the
// documented fields, such as "userDetail", have no value here.
//
// These are the paths that Megadesk maps to the variables of an action. Source:
// Megadesk, "Custom data".
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
	if !ok || isAbsent(v) {
		return nil, false
	}
	if !deeper {
		return v, true
	}
	below, _ := v.(map[string]any)
	return walk(below, rest)
}

// isAbsent reports whether v is the NULL of a driver.Valuer.
func isAbsent(v any) bool {
	simple, err := value.Of(v)
	return err == nil && simple.Kind == value.Absent
}

// services returns the Services with something in them.
func (i *Integrations) services() map[string]map[string]any {
	var services map[string]map[string]any
	for name, service := range i.Services {
		if service = withoutEmpty(service); len(service) > 0 {
			if services == nil {
				services = map[string]map[string]any{}
			}
			services[name] = service
		}
	}
	return services
}

// withoutEmpty leaves out what an empty named field is left out for: an empty
// customer id is worse than none.
func withoutEmpty(service map[string]any) map[string]any {
	service = maps.Clone(service)
	maps.DeleteFunc(service, func(_ string, v any) bool {
		simple, err := value.Of(v)
		return err == nil && (simple == value.Simple{} || simple.Kind == value.Null || simple == value.Simple{Kind: value.String})
	})
	return service
}

// field returns where a documented key of userDetail is kept, nil for others.
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
		return &FieldError{"userDetail", "must have an id or an email"}
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
