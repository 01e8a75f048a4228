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
	dst, err := appendTexts(append(dst, '{'), "userDetail",
		text{"id", u.ID}, text{"email", u.Email}, text{"name", u.Name}, text{"fullName", u.Name}, text{"plan", u.Plan})
	if err != nil {
		return nil, err
	}
	return closeObject(dst, "userDetail", u.Extra)
}

func (i *Integrations) appendJSON(dst []byte) ([]byte, error) {
	dst = append(dst, '{')
	if i.StripeCustomerID != "" || i.StripeSubscriptionStatus != "" {
		var err error
		dst, err = appendTexts(append(dst, `"stripe":{`...), "integrations.stripe",
			text{"customerId", i.StripeCustomerID}, text{"subscriptionStatus", i.StripeSubscriptionStatus})
		if err != nil {
			return nil, err
		}
		dst = append(dst[:len(dst)-1], "},"...)
	}
	services := maps.Clone(i.Services)
	maps.DeleteFunc(services, func(_ string, s map[string]any) bool { return len(s) == 0 })
	return closeObject(dst, "integrations", services)
}

// text is a documented member of an object.
type text struct{ name, value string }

// appendTexts appends those of the members that are not empty, and a comma behind
// each. By hand, since encoding/json takes longer than the encryption.
func appendTexts(dst []byte, path string, members ...text) ([]byte, error) {
	for _, m := range members {
		if m.value == "" {
			continue
		}
		dst = append(append(append(dst, '"'), m.name...), `":"`...)
		var err error
		if dst, err = exactjson.AppendText(dst, m.value); err != nil {
			return nil, &FieldError{path + "." + m.name, err.Error()}
		}
		dst = append(dst, `",`...)
	}
	return dst, nil
}

// closeObject appends the members of extra, whose keys have been checked to be
// others than those before, and the brace.
func closeObject[V any](dst []byte, path string, extra map[string]V) ([]byte, error) {
	if len(extra) > 0 {
		object, err := exactjson.Marshal(extra)
		if err != nil {
			return nil, blame(path, extra, err)
		}
		return append(dst, object[1:]...), nil
	}
	return append(bytes.TrimSuffix(dst, []byte(",")), '}'), nil
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
