package placeholders

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const mask = "[redacted]"

// Preview shows what a request would contain, without its secrets. It has [redacted] in
// place of
//
//   - parameters of the query, fields of a form and members of a JSON body with the
//     name of a secret. That is a name with a word such as token, key, secret, password,
//     auth, signature, session, cookie, pin or otp;
//   - values of placeholders if the placeholder, or a part of the path that it is mapped
//     to, has such a name;
//   - headers that have such a name, contain text that looks like a key, or contain a
//     value that does not come from userDetail.
//
// Everything else is shown as it would be sent, including the customer's data, so do not
// log a preview. A key that is written into the path of the URL is shown.
type Preview struct {
	Method string
	URL    string
	Header map[string]string // by canonical name; empty without any
	Body   string            // empty without one
}

// Preview returns what [CompiledAction.Request] would send for the customer that
// source describes, with the same errors.
func (c *CompiledAction) Preview(source Source) (Preview, error) {
	values, err := c.values(source)
	if err != nil {
		return Preview{}, err
	}
	a := c.reveal()
	r, err := a.request(context.Background(), values)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Method: r.Method, Header: map[string]string{}}
	for name := range r.Header {
		p.Header[name] = r.Header.Get(name)
	}
	for _, h := range a.headers {
		if !a.showsHeader(h) {
			p.Header[h.name] = mask
		}
	}
	masked := a.masked(values)
	url, err := a.url.append(nil, masked)
	if err != nil {
		return Preview{}, err
	}
	address, query, found := strings.Cut(string(url), "?")
	p.URL = unescapeMask(address)
	if found {
		p.URL += "?" + maskPairs(query)
	}
	if a.body == nil {
		return p, nil
	}
	body, err := a.body.append(nil, masked)
	if err != nil {
		return Preview{}, err
	}
	p.Body = string(body)
	switch a.body.kind {
	case Form:
		p.Body = maskPairs(p.Body)
	case JSON:
		p.Body = maskJSON(p.Body)
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

// showsHeader reports whether a preview shows a header: one with a harmless name and
// text, and with values from userDetail only, which the visitor can see.
func (c *compiled) showsHeader(h header) bool {
	if isSecretName(h.name) {
		return false
	}
	for _, p := range h.value.parts {
		if looksLikeKey(p.before) || c.isSecret(p.name) || !strings.HasPrefix(c.mapping.paths[p.name], "userDetail.") {
			return false
		}
	}
	return !looksLikeKey(h.value.tail)
}

// isSecret reports whether the name of a placeholder is that of a secret, or a part
// of its path.
func (c *compiled) isSecret(name string) bool {
	return isSecretName(name) || slices.ContainsFunc(strings.Split(c.mapping.paths[name], "."), isSecretName)
}

// masked returns the values with the mask for those of secrets.
func (c *compiled) masked(values Values) Values {
	masked := maps.Clone(values)
	for _, name := range c.names() {
		if c.isSecret(name) {
			masked[name] = mask
		}
	}
	return masked
}

// unescapeMask makes the mask readable where it was percent-encoded.
func unescapeMask(s string) string {
	return strings.ReplaceAll(s, "%5Bredacted%5D", mask)
}

// maskPairs masks in name=value&name=value.
func maskPairs(s string) string {
	all := strings.Split(s, "&")
	for i, pair := range all {
		if name, _, found := strings.Cut(pair, "="); found && isSecretName(decode(name)) {
			all[i] = name + "=" + mask
		}
	}
	return unescapeMask(strings.Join(all, "&"))
}

// maskJSON masks the members with the names of secrets, at any depth. The body is
// JSON.
func maskJSON(body string) string {
	var secrets []span
	r := jsonReader{text: body}
	r.onMember = func(key string, start, end int) {
		if isSecretName(key) {
			secrets = slices.DeleteFunc(secrets, func(inner span) bool { return inner.start > start })
			secrets = append(secrets, span{start, end})
		}
	}
	r.read()
	var b strings.Builder
	shown := 0
	for _, s := range secrets {
		b.WriteString(body[shown:s.start] + `"` + mask + `"`)
		shown = s.end
	}
	return b.String() + body[shown:]
}

// secretPart finds what is in the names of secrets at any place, as it is often
// written together: accesstoken, apikey, dbpassword.
var secretPart = regexp.MustCompile("(?i)token|secret|passw|passphrase|apikey|accesskey|privatekey|credential|signature|session|cookie|bearer|jwt|^code$")

// secretWord matches what is in the names of secrets as a word: api_key, apiKey, API-Keys.
var secretWord = regexp.MustCompile("(?i)^(key|pass|pwd|pw|pin|auth|oauth|authorization|sig|hmac|cred|sess|sid|otp|totp|cvv|cvc|nonce|salt)s?$")

// word finds the words of a name such as apiKey, API_KEY or key2.
var word = regexp.MustCompile("[A-Z]*[a-z]+|[A-Z]+")

// isSecretName reports whether a name is that of a secret. It masks too much rather
// than too little: the key of a list is masked, too, but not a keyword or an author.
func isSecretName(name string) bool {
	return secretPart.MatchString(name) || slices.ContainsFunc(word.FindAllString(name, -1), secretWord.MatchString)
}

// longWord finds 20 characters without a break.
var longWord = regexp.MustCompile(`[^\x00- .,;:/()"]{20,}`)

// looksLikeKey reports whether a text has the credentials of a scheme, or 20
// characters without a break, some of them digits.
func looksLikeKey(text string) bool {
	return scheme.MatchString(text) || slices.ContainsFunc(longWord.FindAllString(text, -1), func(word string) bool {
		return strings.ContainsAny(word, "0123456789")
	})
}
