package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/exactjson"
)

// maxClaims bounds the plaintext of a token, in bytes.
const maxClaims = 8192

// claims returns the plaintext of a token: the payload and its two times.
func (p *Payload) claims(issued, expires time.Time) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, 512), `{"userDetail":`...)
	b, err := p.User.appendJSON(b)
	if err != nil {
		return nil, err
	}
	b = append(b, `,"integrations":`...)
	if b, err = p.Integrations.appendJSON(b); err != nil {
		return nil, err
	}
	b = append(b, `,"iat":`...)
	b = strconv.AppendInt(b, issued.Unix(), 10)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, expires.Unix(), 10)
	b = append(b, '}')
	if len(b) > maxClaims {
		return nil, &FieldError{"claims", fmt.Sprintf("must be at most %d bytes of JSON, are %d", maxClaims, len(b))}
	}
	return b, nil
}

func (u *UserDetail) appendJSON(dst []byte) ([]byte, error) {
	documented := struct {
		ID       string `json:"id,omitempty"`
		Email    string `json:"email,omitempty"`
		Name     string `json:"name,omitempty"`
		FullName string `json:"fullName,omitempty"`
		Plan     string `json:"plan,omitempty"`
	}{u.ID, u.Email, u.Name, u.Name, u.Plan}
	return appendObject(dst, "userDetail", documented, u.Extra)
}

func (i *Integrations) appendJSON(dst []byte) ([]byte, error) {
	type stripe struct {
		CustomerID         string `json:"customerId,omitempty"`
		SubscriptionStatus string `json:"subscriptionStatus,omitempty"`
	}
	documented := struct {
		Stripe stripe `json:"stripe,omitzero"`
	}{stripe{i.StripeCustomerID, i.StripeSubscriptionStatus}}
	services := maps.Clone(i.Services)
	maps.DeleteFunc(services, func(_ string, s map[string]any) bool { return len(s) == 0 })
	return appendObject(dst, "integrations", documented, services)
}

// appendObject appends one JSON object with the members of documented, a
// struct, and those of extra, whose keys have been checked to be others.
func appendObject[V any](dst []byte, path string, documented any, extra map[string]V) ([]byte, error) {
	members, err := exactjson.Marshal(documented)
	if err != nil {
		return nil, &FieldError{path, err.Error()}
	}
	if len(extra) == 0 {
		return append(dst, members...), nil
	}
	more, err := exactjson.Marshal(extra)
	if err != nil {
		return nil, blame(path, extra, err)
	}
	dst = append(dst, members[:len(members)-1]...)
	if len(members) > len("{}") {
		dst = append(dst, ',')
	}
	return append(dst, more[1:]...), nil
}

// blame names the member of extra, at any depth of plain maps, that could not
// be marshalled.
func blame[V any](path string, extra map[string]V, err error) error {
	for key, v := range extra {
		if _, err := exactjson.Marshal(v); err != nil {
			object, _ := any(v).(map[string]any)
			return blame(child(path, key), object, err)
		}
	}
	return &FieldError{path, err.Error()}
}

// parseClaims is the reverse of claims, with the same rules for every field.
// Numbers in Extra and Services become json.Number, so that none loses digits.
func parseClaims(plaintext []byte) (Opened, error) {
	if !utf8.Valid(plaintext) {
		return Opened{}, &FieldError{"claims", "must be valid UTF-8"}
	}
	var roots map[string]any
	d := json.NewDecoder(bytes.NewReader(plaintext))
	d.UseNumber()
	if err := d.Decode(&roots); err != nil || roots == nil {
		return Opened{}, &FieldError{"claims", "must be a JSON object"}
	}
	if _, err := d.Token(); err != io.EOF {
		return Opened{}, &FieldError{"claims", "must be one JSON object"}
	}
	var o Opened
	for root, v := range roots {
		var err error
		switch root {
		case "userDetail":
			err = o.Payload.User.set(v)
		case "integrations":
			err = o.Payload.Integrations.set(v)
		case "iat":
			o.IssuedAt, err = parseSeconds("iat", v)
		case "exp":
			o.ExpiresAt, err = parseSeconds("exp", v)
		default:
			err = &FieldError{child("claims", root), "must not be there: the roots are userDetail, integrations, iat and exp"}
		}
		if err != nil {
			return Opened{}, err
		}
	}
	for _, name := range []string{"iat", "exp"} {
		if _, ok := roots[name]; !ok {
			return Opened{}, &FieldError{name, "must be there"}
		}
	}
	if err := o.Payload.check(); err != nil {
		return Opened{}, err
	}
	return o, nil
}

func parseSeconds(name string, v any) (time.Time, error) {
	if n, ok := v.(json.Number); ok {
		if s, err := n.Int64(); err == nil && s >= 0 && s < 1<<53 {
			return time.Unix(s, 0), nil
		}
	}
	return time.Time{}, &FieldError{name, "must be a whole number of seconds"}
}

func (u *UserDetail) set(v any) error {
	object, err := asObject("userDetail", v)
	if err != nil {
		return err
	}
	for key, v := range object {
		if f := u.field(key); f != nil {
			if err := setField(f, "userDetail."+key, v); err != nil {
				return err
			}
			continue
		}
		if u.Extra == nil {
			u.Extra = map[string]any{}
		}
		u.Extra[key] = v
	}
	return nil
}

func (i *Integrations) set(v any) error {
	services, err := asObject("integrations", v)
	if err != nil {
		return err
	}
	for name, v := range services {
		service, err := asObject(child("integrations", name), v)
		if err != nil {
			return err
		}
		if name == "stripe" {
			if err := i.setStripe(service); err != nil {
				return err
			}
			continue
		}
		if i.Services == nil {
			i.Services = map[string]map[string]any{}
		}
		i.Services[name] = service
	}
	return nil
}

func (i *Integrations) setStripe(object map[string]any) error {
	for key, v := range object {
		f := i.stripeField(key)
		if f == nil {
			return &FieldError{child("integrations.stripe", key), "must not be there: the keys are customerId and subscriptionStatus"}
		}
		if err := setField(f, "integrations.stripe."+key, v); err != nil {
			return err
		}
	}
	return nil
}

// asObject takes null for an empty object, as a site in JavaScript may send it.
func asObject(path string, v any) (map[string]any, error) {
	object, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, &FieldError{path, "must be an object"}
	}
	return object, nil
}

func setField(f *string, path string, v any) error {
	s, ok := v.(string)
	switch {
	case !ok && v != nil:
		return &FieldError{path, "must be a string"}
	case s == "":
		return nil
	case *f != "" && *f != s: // name and fullName share one field
		return &FieldError{path, "must be the same in name and fullName"}
	}
	*f = s
	return nil
}
