package placeholders

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sampleKey = "sk_live_a_key_that_is_fixed"

func sample() Action {
	return Action{
		Method: "POST",
		URL:    "https://api.example.com/customers/{{id}}/orders?email={{userEmail}}&api_key=" + sampleKey,
		Header: map[string]string{
			"Authorization": "Bearer {{token}}",
			"X-Api-Key":     sampleKey,
			"accept":        "application/json",
		},
		Body: `{"email":"{{userEmail}}","orders":{{orders}},"auth":{"password":"` + sampleKey + `"},"note":"for {{userEmail}}"}`,
		Variables: map[string]string{
			"id":        "userDetail.id",
			"userEmail": "userDetail.email",
			"orders":    "userDetail.orders",
			"token":     "integrations.shop.token",
			"unused":    "userDetail.plan",
		},
	}
}

// paths is the simplest source.
type paths map[string]any

func (p paths) Lookup(path string) (any, bool) { v, ok := p[path]; return v, ok }

func customer() paths {
	return paths{
		"userDetail.id":           "user-123",
		"userDetail.email":        "ada+1@example.com",
		"userDetail.orders":       json.Number("3"),
		"integrations.shop.token": "a-token-of-the-customer",
	}
}

func compile(t testing.TB, a Action) *CompiledAction {
	t.Helper()
	c, err := Compile(a, nil)
	require.NoError(t, err)
	return c
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
	}))
	defer server.Close()
	a := sample()
	a.URL = strings.Replace(a.URL, "https://api.example.com", server.URL, 1)
	source := customer()
	source["userDetail.id"] = "user 123%"
	request, err := compile(t, a).Request(t.Context(), source)
	require.NoError(t, err)
	assert.NotNil(t, request.GetBody)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, "POST", got.Method)
	assert.Equal(t, "/customers/user%20123%25/orders?email=ada%2B1%40example.com&api_key="+sampleKey, got.RequestURI)
	assert.Equal(t, "Bearer a-token-of-the-customer", got.Header.Get("Authorization"))
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
	assert.Equal(t, "application/json", got.Header.Get("Accept"))
	assert.Equal(t, `{"email":"ada+1@example.com","orders":3,"auth":{"password":"`+sampleKey+`"},"note":"for ada+1@example.com"}`, body)
	assert.EqualValues(t, len(body), got.ContentLength)
}

func TestRequestRefuses(t *testing.T) {
	c := compile(t, sample())
	_, err := c.Request(nil, customer()) //nolint:staticcheck // this is what is tested
	requireField(t, err, "ctx", "must not be nil")
	_, err = c.Request(t.Context(), nil)
	requireField(t, err, "source", "must not be nil")
	_, err = c.Request(t.Context(), paths(nil))
	requireField(t, err, "source", "must not be nil")
	_, err = c.Preview((*pointer)(nil))
	requireField(t, err, "source", "must not be nil")

	source := customer()
	source["userDetail.id"] = "a/b"
	_, err = c.Request(t.Context(), source)
	requireValue(t, err, "id", "slash")
	assert.EqualError(t, err, "placeholders: url: the value of id (string) must not put a slash or a backslash into a path segment, encoded or not")

	_, err = c.Request(t.Context(), paths{"userDetail.id": "1"})
	assert.Equal(t, &MissingError{Names: []string{"userEmail", "token", "orders"}}, err)
	_, err = c.Preview(paths{})
	assert.Equal(t, &MissingError{Names: c.Names()}, err)
}

type pointer struct{}

func (*pointer) Lookup(string) (any, bool) { panic("called on nothing") }

// same compares actions; assert would print them.
func same(a, b Action) bool {
	return a.Method == b.Method && a.URL == b.URL && a.Body == b.Body && maps.Equal(a.Header, b.Header) && maps.Equal(a.Variables, b.Variables)
}
