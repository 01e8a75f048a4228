package placeholders

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const mask = "[redacted]"

// Preview is what a request would be, for people to look at. Masked, as
// [redacted], are
//
//   - the values of all headers but Accept, Accept-Charset, Accept-Encoding,
//     Accept-Language, Cache-Control, Content-Language, Content-Type and
//     User-Agent;
//   - parameters of the query, fields of a form and members of a JSON body,
//     whatever is in them, whose name looks like that of a secret: one with
//     token, key, secret, pass, pwd, auth, bearer, sig, hmac, credential, sess,
//     cookie, jwt or otp in it, or one that is sid, pin, pw or code;
//   - values of placeholders whose own name looks like that, or the path that it
//     is mapped to, wherever they stand.
//
// Everything else is there as it would be sent, the customer's data included: a
// preview is not for logs. A key that is written into a path shows.
type Preview struct {
	Method string
	URL    string
	Header map[string]string // by canonical names; empty without any
	Body   string            // empty without one
}

// Preview returns what [CompiledAction.Request] would send for the customer that
// the source tells of, with the same errors.
func (c *CompiledAction) Preview(source Source) (Preview, error) {
	values, err := c.values(source)
	if err != nil {
		return Preview{}, err
	}
	a := c.reveal()
	if _, err := a.render(values); err != nil {
		return Preview{}, err
	}
	r, err := a.render(a.masked(values))
	if err != nil {
		return Preview{}, err
	}
	address, query, hasQuery := strings.Cut(r.url, "?")
	p := Preview{Method: r.method, URL: unescapeMask(address), Header: map[string]string{}}
	if hasQuery {
		p.URL += "?" + maskPairs(query)
	}
	for name, values := range r.header {
		p.Header[name] = mask
		if slices.Contains(harmless, name) {
			p.Header[name] = values[0]
		}
	}
	if r.form {
		p.Body = maskPairs(string(r.body))
	} else {
		p.Body = maskJSON(r.body)
	}
	return p, nil
}

// String returns the preview in the form of a request in HTTP/1.1.
func (p Preview) String() string {
	var b strings.Builder
	b.WriteString(p.Method + " " + p.URL + "\n")
	for _, name := range slices.Sorted(maps.Keys(p.Header)) {
		b.WriteString(name + ": " + p.Header[name] + "\n")
	}
	if p.Body != "" {
		b.WriteString("\n" + p.Body + "\n")
	}
	return b.String()
}

// harmless are the headers that a preview shows.
var harmless = []string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Language", "Content-Type", "User-Agent",
}

// looksSecret rather masks too much: a keyword is a key, and an author has auth.
func looksSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains([]string{"sid", "pin", "pw", "code"}, name) || slices.ContainsFunc([]string{
		"token", "key", "secret", "pass", "pwd", "auth", "bearer", "sig", "hmac", "credential", "sess", "cookie", "jwt", "otp",
	}, func(word string) bool { return strings.Contains(name, word) })
}

// masked puts the mask in place of values whose placeholder looks secret.
func (c *compiled) masked(values Values) Values {
	for _, name := range c.names {
		if looksSecret(name) || slices.ContainsFunc(strings.Split(c.mapping.paths[name], "."), looksSecret) {
			values[name] = mask
		}
	}
	return values
}

// unescapeMask makes the mask readable where it was percent-encoded.
func unescapeMask(s string) string {
	return strings.ReplaceAll(s, "%5Bredacted%5D", mask)
}

// maskPairs masks in name=value&name=value.
func maskPairs(s string) string {
	if s == "" {
		return ""
	}
	all := strings.Split(s, "&")
	for i, pair := range all {
		name, _, ok := strings.Cut(pair, "=")
		if ok && looksSecret(decode(name)) {
			all[i] = name + "=" + mask
		}
	}
	return unescapeMask(strings.Join(all, "&"))
}

func decode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := decoded(s, i)
		b.WriteByte(c)
		i += n
	}
	return b.String()
}

// maskJSON masks members at any depth. The body is JSON.
func maskJSON(body []byte) string {
	var b strings.Builder
	for i := 0; i < len(body); {
		if body[i] != '"' {
			b.WriteByte(body[i])
			i++
			continue
		}
		end := i + stringLength(body[i:])
		b.Write(body[i:end])
		name := body[i:end]
		i = end
		colon := end + skipSpace(body[end:])
		if colon == len(body) || body[colon] != ':' || !secretMember(name) {
			continue
		}
		begin := colon + 1 + skipSpace(body[colon+1:])
		b.Write(body[end:begin])
		b.WriteString(`"` + mask + `"`)
		i = begin + valueLength(body[begin:])
	}
	return b.String()
}

// stringLength returns that of the JSON string which s begins with.
func stringLength(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// valueLength returns that of the JSON value which s begins with.
func valueLength(s []byte) int {
	d := json.NewDecoder(bytes.NewReader(s))
	var value json.RawMessage
	if d.Decode(&value) != nil {
		return len(s) // shows nothing of it
	}
	return int(d.InputOffset())
}

func secretMember(quoted []byte) bool {
	var name string
	return json.Unmarshal(quoted, &name) != nil || looksSecret(name)
}
