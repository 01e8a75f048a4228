package placeholders

import (
	"strings"
	"testing"

	"github.com/chatident/chatident/internal/value"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMapping(t *testing.T) {
	given := map[string]string{"userEmail": "userDetail.email", "customer": "integrations.stripe.customerId", "odd": "userDetail.my key.ü"}
	m, err := NewMapping(given)
	require.NoError(t, err)
	clear(given)
	assert.Equal(t, Values{"userEmail": "ada+1@example.com"}, m.Values(customer()))
	assert.Equal(t, Values{"odd": nil}, m.Values(paths{"userDetail.my key.ü": nil}), "null is a value")
	assert.Empty(t, m.Values(nil))
	assert.Empty(t, m.Values((*pointer)(nil)))
	_, err = mustParse(t, "{{userEmail}}{{customer}}", Text).Render(m.Values(paths{}))
	assert.Equal(t, &MissingError{Names: []string{"userEmail", "customer"}}, err)

	empty, err := NewMapping(nil)
	require.NoError(t, err)
	assert.Empty(t, empty.Values(customer()))
}

func TestMapping_Rejects(t *testing.T) {
	for path, words := range map[string]string{
		"":                                       "begins with userDetail. or integrations.",
		"email":                                  "begins with userDetail. or integrations.",
		"userdetail.email":                       "begins with userDetail. or integrations.",
		"UserDetail.email":                       "begins with userDetail. or integrations.",
		" userDetail.email":                      "begins with userDetail. or integrations.",
		"userDetails.email":                      "begins with userDetail. or integrations.",
		"iat":                                    "begins with userDetail. or integrations.",
		"__proto__.x":                            "begins with userDetail. or integrations.",
		"userDetail":                             "without empty keys",
		"userDetail.":                            "without empty keys",
		"userDetail..email":                      "without empty keys",
		"integrations.stripe.":                   "without empty keys",
		"userDetail.email ":                      "white space",
		"userDetail. email":                      "white space",
		"userDetail.a\x00":                       "must not contain NUL",
		"userDetail.\u0085":                      "white space",
		"userDetail.\xff":                        "valid UTF-8",
		"userDetail." + strings.Repeat("x", 502): "at most 512 bytes",
	} {
		_, err := NewMapping(map[string]string{"a": path})
		requireField(t, err, `mapping["a"]`, words)
	}
	for name, words := range map[string]string{
		"": "must have a name", "1": "not begin with a digit", "a.b": "only ASCII letters", "{{a}}": "only ASCII letters", strings.Repeat("n", 129): "at most 128 characters",
	} {
		_, err := NewMapping(map[string]string{name: "userDetail.email"})
		requireField(t, err, "mapping"+value.Path(name), words)
	}
}
