package identity

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/value"
)

// maxClaims bounds the plaintext of a token, in bytes.
const maxClaims = 8192

// claims returns the plaintext of a token: the payload and its two times.
func (p *Payload) claims(issued, expires time.Time) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	b := p.User.appendTexts(append(make([]byte, 0, 512), `{"userDetail":`...))
	b, err := appendMembers(b, "userDetail", p.User.Extra)
	if err != nil {
		return nil, err
	}
	b = p.Integrations.appendTexts(append(b, `,"integrations":`...))
	if b, err = appendMembers(b, "integrations", p.Integrations.services()); err != nil {
		return nil, err
	}
	b = append(b, `,"iat":`...)
	b = strconv.AppendInt(b, issued.Unix(), 10)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, expires.Unix(), 10)
	b = append(b, '}')
	if len(b) > maxClaims {
		return nil, &FieldError{"claims", fmt.Sprintf("must be at most %d bytes of JSON, got %d", maxClaims, len(b))}
	}
	return b, nil
}

func (u *UserDetail) appendTexts(dst []byte) []byte {
	dst = appendText(append(dst, '{'), "id", u.ID)
	dst = appendText(dst, "email", u.Email)
	dst = appendText(dst, "name", u.Name)
	dst = appendText(dst, "fullName", u.Name)
	return appendText(dst, "plan", u.Plan)
}

func (i *Integrations) appendTexts(dst []byte) []byte {
	dst = append(dst, '{')
	if i.StripeCustomerID == "" && i.StripeSubscriptionStatus == "" {
		return dst
	}
	dst = appendText(append(dst, `"stripe":{`...), "customerId", i.StripeCustomerID)
	dst = appendText(dst, "subscriptionStatus", i.StripeSubscriptionStatus)
	return append(dst[:len(dst)-1], "},"...)
}

// appendText appends a member that check has accepted, and a comma after it, or
// nothing if it is empty.
func appendText(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(append(append(dst, '"'), name...), `":"`...)
	dst, _ = value.AppendText(dst, text)
	return append(dst, `",`...)
}

// appendMembers appends the members of extra and the closing brace to an object that may
// already have members. check has made sure that no key is repeated.
func appendMembers[V any](dst []byte, path string, extra map[string]V) ([]byte, error) {
	dst = bytes.TrimSuffix(dst, []byte(","))
	if len(extra) == 0 {
		return append(dst, '}'), nil
	}
	object, err := appendObject(path, extra)
	if err != nil {
		return nil, err
	}
	if dst[len(dst)-1] != '{' && len(object) > len("{}") {
		dst = append(dst, ',')
	}
	return append(dst, object[1:]...), nil
}

// appendObject encodes and checks the members of the object at a path.
func appendObject[V any](path string, members map[string]V) ([]byte, error) {
	object, err := value.Append(nil, members, maxClaims)
	if e, ok := errors.AsType[*value.Error](err); ok {
		return nil, &FieldError{path + e.Path, e.Rule}
	}
	return object, nil
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
		case "iat", "exp": // below
		default:
			err = &FieldError{"claims" + value.Path(root), "must not be there: the roots are userDetail, integrations, iat and exp"}
		}
		if err != nil {
			return Opened{}, err
		}
	}
	var badIssued, badExpires error
	o.IssuedAt, badIssued = parseSeconds(roots, "iat")
	o.ExpiresAt, badExpires = parseSeconds(roots, "exp")
	_, badExtra := appendObject("userDetail", o.Payload.User.Extra)
	_, badServices := appendObject("integrations", o.Payload.Integrations.Services)
	return o, cmp.Or(badIssued, badExpires, o.Payload.check(), badExtra, badServices)
}

func parseSeconds(roots map[string]any, name string) (time.Time, error) {
	v, ok := roots[name]
	number, _ := v.(json.Number)
	seconds, err := number.Int64()
	switch {
	case !ok:
		return time.Time{}, &FieldError{name, "must be there"}
	case err != nil || seconds < 0 || seconds >= 1<<53:
		return time.Time{}, &FieldError{name, "must be a whole number of seconds"}
	}
	return time.Unix(seconds, 0), nil
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
		service, err := asObject("integrations"+value.Path(name), v)
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
			return &FieldError{"integrations.stripe" + value.Path(key), "must not be there: the keys are customerId and subscriptionStatus"}
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
