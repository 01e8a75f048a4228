package contacts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/chatident/chatident/internal/value"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	userIDRule  = "must have only letters, digits, dot, underscore and hyphen: byte %d is another (chatclient.DeriveUserID makes one of an e-mail address)"
	dotsRule    = "must not be . or .., or contain one between slashes"
	encodedRule = "must not be percent-encoded (a server that decodes it twice reads another id)"
	controlRule = "must not contain control characters"
	nilRule     = "must not be nil (pass an empty, non-nil value for none, or Null to clear the field)"
)

var badExternalIDs = map[string]string{
	"":          "must not be empty or consist only of slashes",
	"/":         "must not be empty or consist only of slashes",
	`//\`:       "must not be empty or consist only of slashes",
	".":         dotsRule,
	"..":        dotsRule,
	"../x":      dotsRule,
	"a/../b":    dotsRule,
	`a\..\b`:    dotsRule,
	"a/.":       dotsRule,
	"..;":       dotsRule,
	"..;x":      dotsRule,
	".. ":       dotsRule,
	"..?x":      dotsRule,
	"a/..;/b":   dotsRule,
	"..\u00a0":  dotsRule,
	"..\u200b":  dotsRule,
	"\uff0e.":   dotsRule,
	"\u2024":    dotsRule,
	"a\uff0f..": dotsRule,
	"%2e%2e":    encodedRule,
	"%252e":     encodedRule,
	"a%2F..":    encodedRule,
	"%u002e":    encodedRule,
	"%c0%ae":    encodedRule,
	"..\u0085":  controlRule,
	"a\x00":     controlRule,
	"\xc0\xae":  "must be valid UTF-8",
	"ada\xff":   "must be valid UTF-8",
	"\xed\xa0":  "must be valid UTF-8",
}

var ada = Fields{ExternalID: Set("user_8821"), Name: Set("Ada")}

const adaRecord = `{"id":"contact_1","external_id":"user_8821","name":"Ada"}`

func TestOptional_States(t *testing.T) {
	type body struct {
		A Optional[string] `json:"a,omitzero"`
		B Optional[int]    `json:"b,omitzero"`
	}
	for want, v := range map[string]body{
		`{}`:               {},
		`{"a":null}`:       {A: Null[string]()},
		`{"a":"","b":0}`:   {A: Set(""), B: Set(0)},
		`{"a":"x","b":-7}`: {A: Set("x"), B: Set(-7)},
	} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		assert.Equal(t, want, string(b))
	}
	value, ok := Set("x").Get()
	assert.Equal(t, "x", value)
	assert.True(t, ok)
	_, ok = Null[string]().Get()
	assert.False(t, ok)
	assert.True(t, Null[string]().IsNull())
	assert.False(t, Optional[string]{}.IsNull())
	assert.True(t, Optional[string]{}.IsZero())
	assert.False(t, Null[string]().IsZero())
	b, err := json.Marshal(Optional[int]{})
	require.NoError(t, err)
	assert.Equal(t, "null", string(b), "without omitzero")
}

// What is sent, to the byte.
func TestClient_Requests(t *testing.T) {
	const base = "https://app.bookbag.ai/api/v1/chatbots/123/"
	record := `{"data":` + adaRecord + `}`
	full := Fields{
		ExternalID: Set("ada@example.com"), Name: Set("Ada <Löwe>"), Email: Null[string](), PhoneNumber: Set(""),
		StripeAccounts:   Set([]StripeAccount{{Label: "main", StripeID: "cus_1"}, {StripeID: "cus_2", StripeEmail: "a@b.c"}}),
		CustomAttributes: Set(Values{"plan": "pro", "n": json.Number("9007199254740991"), "vip": true, "gone": nil}),
	}
	for name, test := range map[string]struct {
		response          string
		call              func(*Client) error
		method, url, body string
	}{
		"upsert": {`{"data":[]}`, func(c *Client) error { _, err := c.Upsert(t.Context(), []Fields{full, {}}); return err },
			"POST", "contacts", `{"users":[{"external_id":"ada@example.com","name":"Ada \u003cLöwe\u003e","email":null,"phonenumber":"",` +
				`"stripe_accounts":[{"label":"main","stripe_id":"cus_1"},{"label":"","stripe_id":"cus_2","stripe_email":"a@b.c"}],` +
				`"custom_attributes":{"gone":null,"n":9007199254740991,"plan":"pro","vip":true}},{}]}`},
		"page":         {`{"data":[]}`, func(c *Client) error { _, err := c.Page(t.Context(), PageRequest{}); return err }, "GET", "contacts", ""},
		"another page": {`{"data":[]}`, func(c *Client) error { _, err := c.Page(t.Context(), PageRequest{2, 10}); return err }, "GET", "contacts?page=2&per_page=10", ""},
		"all": {`{"data":[]}`, func(c *Client) error {
			for _, err := range c.All(t.Context()) {
				return err
			}
			return nil
		}, "GET", "contacts?page=1&per_page=1000", ""},
		"get":            {record, func(c *Client) error { _, err := c.Get(t.Context(), "user_8821"); return err }, "GET", "contacts/user_8821", ""},
		"a slash":        {record, func(c *Client) error { _, err := c.Get(t.Context(), "a/b"); return err }, "GET", "contacts/a%2Fb", ""},
		"an umlaut":      {record, func(c *Client) error { _, err := c.Get(t.Context(), "ü"); return err }, "GET", "contacts/%C3%BC", ""},
		"a percent sign": {record, func(c *Client) error { _, err := c.Get(t.Context(), "100%"); return err }, "GET", "contacts/100%25", ""},
		"an address":     {record, func(c *Client) error { _, err := c.Get(t.Context(), "ada+x@example.com"); return err }, "GET", "contacts/ada+x@example.com", ""},
		"a query":        {record, func(c *Client) error { _, err := c.Get(t.Context(), "a?b#c;d"); return err }, "GET", "contacts/a%3Fb%23c%3Bd", ""},
		"a line":         {record, func(c *Client) error { _, err := c.Get(t.Context(), "a\u2028"); return err }, "GET", "contacts/a%E2%80%A8", ""},
		"delete":         {record, func(c *Client) error { _, err := c.Delete(t.Context(), "a/b"); return err }, "DELETE", "contacts/a%2Fb", ""},
		"update": {record, func(c *Client) error {
			_, err := c.Update(t.Context(), "a/b", Fields{Name: Null[string]()})
			return err
		}, "PATCH", "contacts/a%2Fb", `{"name":null}`},
		"null attributes": {record, func(c *Client) error {
			_, err := c.Update(t.Context(), "a", Fields{CustomAttributes: Null[Values]()})
			return err
		}, "PATCH", "contacts/a", `{"custom_attributes":null}`},
		"no attributes": {record, func(c *Client) error {
			_, err := c.Update(t.Context(), "a", Fields{CustomAttributes: Set(Values{})})
			return err
		}, "PATCH", "contacts/a", `{"custom_attributes":{}}`},
		"attributes": {`{"data":[]}`, func(c *Client) error { _, err := c.Attributes(t.Context()); return err }, "GET", "custom-attributes", ""},
		"define": {`{"data":{"name":"plan"}}`, func(c *Client) error { _, err := c.DefineAttribute(t.Context(), Attribute{Name: "plan"}); return err },
			"POST", "custom-attributes", `{"name":"plan"}`},
		"define all": {`{"data":{"name":"n-1_x"}}`, func(c *Client) error {
			_, err := c.DefineAttribute(t.Context(), Attribute{Name: "n-1_x", Type: TypeNumber, Label: "N", Description: "D", Archived: true})
			return err
		}, "POST", "custom-attributes", `{"name":"n-1_x","type":"number","label":"N","description":"D","archived":true}`},
		"archive": {`{"data":{"name":"plan"}}`, func(c *Client) error {
			_, err := c.UpdateAttribute(t.Context(), "plan", AttributeUpdate{Label: Null[string](), Archived: Set(false)})
			return err
		}, "PUT", "custom-attributes/plan", `{"label":null,"archived":false}`},
	} {
		t.Run(name, func(t *testing.T) {
			var rec recorder
			if err := test.call(newTestClient(t, rec.with(jsonResponse(200, test.response)), nil)); !errors.Is(err, ErrUnexpectedResponse) {
				require.NoError(t, err) // the record is not always that of the id
			}
			require.Len(t, rec.requests, 1)
			r := rec.requests[0]
			assert.Equal(t, test.method, r.Method)
			assert.Equal(t, base+test.url, r.URL.String())
			assert.Equal(t, test.body, rec.bodies[0])
			assert.Equal(t, "Bearer "+testKey, r.Header.Get("Authorization"))
			if test.body != "" {
				assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
			}
		})
	}
}

// Each of these is rejected before anything is sent.
func TestClient_BadArguments(t *testing.T) {
	nothing := transport(func(*http.Request) (*http.Response, error) {
		t.Error("something was sent")
		return nil, errors.New("unexpected")
	})
	c := newTestClient(t, nothing, nil)
	ctx := t.Context()
	for id, rule := range badExternalIDs {
		_, err := c.Get(ctx, id)
		requireField(t, err, "externalID", rule)
		_, err = c.Delete(ctx, id)
		requireField(t, err, "externalID", rule)
		_, err = c.Update(ctx, id, ada)
		requireField(t, err, "externalID", rule)
		_, err = c.MergeAttributes(ctx, id, Values{"a": 1})
		requireField(t, err, "externalID", rule)
		_, err = c.Upsert(ctx, []Fields{ada, {ExternalID: Set(id)}})
		requireField(t, err, "inputs[1].ExternalID", rule)
		_, err = c.Update(ctx, "a", Fields{ExternalID: Set(id)})
		requireField(t, err, "input.ExternalID", rule)
	}
	// Such a contact is not written, but one that is there can be read and deleted.
	_, err := c.Upsert(ctx, []Fields{{ExternalID: Set("undefined")}})
	requireField(t, err, "inputs[0].ExternalID", "must be the id of a customer, got a text that programs write when there is none, such as undefined or <nil>")
	require.NoError(t, checkExternalID("undefined"))
	for _, n := range []int{0, 1001} {
		_, err := c.Upsert(ctx, make([]Fields, n))
		requireField(t, err, "inputs", fmt.Sprintf("must have 1 to 1000 items, got %d", n))
	}
	_, err = c.Upsert(ctx, []Fields{ada, {}, {}, ada})
	requireField(t, err, "inputs[3].ExternalID", "must differ from that of inputs[0]")
	notUTF8, notFinite := value.Text("\xff"), "must be a finite number (leave it out, or pass nil)"
	for _, test := range []struct {
		in          Fields
		field, rule string
	}{
		{Fields{ExternalID: Null[string]()}, "ExternalID", "must not be null"},
		{Fields{Name: Set("a\xff")}, "Name", notUTF8},
		{Fields{Email: Set("a\xff")}, "Email", notUTF8},
		{Fields{PhoneNumber: Set("a\xff")}, "PhoneNumber", notUTF8},
		{Fields{StripeAccounts: Set([]StripeAccount{{Label: "a\xff"}})}, "StripeAccounts[0].Label", notUTF8},
		{Fields{StripeAccounts: Set[[]StripeAccount](nil)}, "StripeAccounts", nilRule},
		{Fields{CustomAttributes: Set[Values](nil)}, "CustomAttributes", nilRule},
		{Fields{CustomAttributes: Set(Values{"a": 1, "b": math.NaN()})}, `CustomAttributes["b"]`, notFinite},
		{Fields{CustomAttributes: Set(Values{"a": "\xff"})}, `CustomAttributes["a"]`, notUTF8},
		{Fields{CustomAttributes: Set(Values{"a\xff": 1})}, `CustomAttributes["a\xff"]`, "its key " + notUTF8},
	} {
		_, err := c.Upsert(ctx, []Fields{ada, {}, test.in})
		requireField(t, err, "inputs[2]."+test.field, test.rule)
		_, err = c.Update(ctx, "a", test.in)
		requireField(t, err, "input."+test.field, test.rule)
	}
	_, err = c.Update(ctx, "a", Fields{})
	requireField(t, err, "input", "must set at least one field")
	_, err = c.MergeAttributes(ctx, "a", nil)
	requireField(t, err, "values", "must not be empty")
	_, err = c.MergeAttributes(ctx, "a", Values{"a": "\xff"})
	requireField(t, err, `values["a"]`, notUTF8)
	for page, rule := range map[PageRequest]string{
		{Page: -1}:      "Page must be positive, or 0 for the first",
		{PerPage: 9}:    "PerPage must be from 10 to 1000, or 0 for the default",
		{PerPage: 1001}: "PerPage must be from 10 to 1000, or 0 for the default",
		{PerPage: -1}:   "PerPage must be from 10 to 1000, or 0 for the default",
	} {
		_, err := c.Page(ctx, page)
		field, rule, _ := strings.Cut("PageRequest."+rule, " ")
		requireField(t, err, field, rule)
	}
	const nameRule = "must start with a letter and contain only letters, digits, underscores and hyphens"
	for name, rule := range map[string]string{
		"": nameRule, "1a": nameRule, "_a": nameRule, "..": nameRule, "a/b": nameRule, "a\n": nameRule, "aü": nameRule,
	} {
		_, err := c.DefineAttribute(ctx, Attribute{Name: name})
		requireField(t, err, "attribute.Name", rule)
		_, err = c.UpdateAttribute(ctx, name, AttributeUpdate{Archived: Set(true)})
		requireField(t, err, "name", rule)
		_, err = c.EnsureAttributes(ctx, []Attribute{{Name: "a"}, {Name: name}})
		requireField(t, err, "want[1].Name", rule)
	}
	_, err = c.DefineAttribute(ctx, Attribute{Name: "a", Type: "colour"})
	requireField(t, err, "attribute.Type", "must be text, number, boolean or date")
	_, err = c.DefineAttribute(ctx, Attribute{Name: "a", Label: "\xff"})
	requireField(t, err, "attribute.Label", notUTF8)
	_, err = c.DefineAttribute(ctx, Attribute{Name: "a", Description: "\xff"})
	requireField(t, err, "attribute.Description", notUTF8)
	_, err = c.UpdateAttribute(ctx, "a", AttributeUpdate{Label: Set("\xff")})
	requireField(t, err, "update.Label", notUTF8)
	_, err = c.EnsureAttributes(ctx, []Attribute{{Name: "a", Label: "\xff"}})
	requireField(t, err, "want[0].Label", notUTF8)
	_, err = c.UpdateAttribute(ctx, "a", AttributeUpdate{})
	requireField(t, err, "update", "must set at least one field")
}

// With the option, what is written must do as a userId; what is there already
// can still be reached.
func TestOptions_RequireUserIDs(t *testing.T) {
	var rec recorder
	c := newTestClient(t, rec.with(jsonResponse(200, `{"data":`+adaRecord+`}`)), func(o *Options) { o.RequireUserIDs = true })
	_, err := c.Upsert(t.Context(), []Fields{ada, {ExternalID: Set("ada@example.com")}})
	requireField(t, err, "inputs[1].ExternalID", fmt.Sprintf(userIDRule, 4))
	_, err = c.Update(t.Context(), "user_8821", Fields{ExternalID: Set("a b")})
	requireField(t, err, "input.ExternalID", fmt.Sprintf(userIDRule, 2))
	assert.Empty(t, rec.requests)
	_, err = c.Update(t.Context(), "ada@example.com", ada)
	require.NoError(t, err)
	_, err = c.Delete(t.Context(), "user_8821")
	require.NoError(t, err)
}

func TestNew_BadOptions(t *testing.T) {
	for _, test := range []struct {
		key         string
		agent       int64
		options     *Options
		field, rule string
	}{
		{"", 1, nil, "apiKey", "must not be empty (is the variable set?)"},
		{testKey + "\n", 1, nil, "apiKey", "must not begin or end with white space (is there a line end after it?)"},
		{testKey, 0, nil, "agent", "must be positive (see the agent's page in Bookbag)"},
		{testKey, -1, nil, "agent", "must be positive (see the agent's page in Bookbag)"},
		{testKey, 1, &Options{BaseURL: "http://app.bookbag.ai"}, "Options.BaseURL", "must be https, unless its host is this machine"},
		{testKey, 1, &Options{Timeout: -1}, "Options.Timeout", "must not be negative"},
		{testKey, 1, &Options{MaxBody: -1}, "Options.MaxBody", "must be from 0 to 1073741824 bytes"},
		{testKey, 1, &Options{MaxWait: -1}, "Options.MaxWait", "must not be negative"},
		{testKey, 1, &Options{MaxRetries: 11}, "Options.MaxRetries", "must be at most 10"},
	} {
		_, err := New(test.key, test.agent, test.options)
		requireField(t, err, test.field, test.rule)
	}
	_, err := New(testKey, 1, nil)
	require.NoError(t, err)
}

var (
	errReset = &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	errDial  = &net.OpError{Op: "dial", Err: errors.New("connection rejected")}
)

// What is repeated when it may have arrived, and what is not.
func TestClient_RepeatedCalls(t *testing.T) {
	anonymous := Fields{Name: Set("Ada")}
	for name, test := range map[string]struct {
		call func(context.Context, *Client) error
		want int
	}{
		"get":    {func(ctx context.Context, c *Client) error { _, err := c.Get(ctx, "a"); return err }, 3},
		"page":   {func(ctx context.Context, c *Client) error { _, err := c.Page(ctx, PageRequest{}); return err }, 3},
		"delete": {func(ctx context.Context, c *Client) error { _, err := c.Delete(ctx, "a"); return err }, 3},
		"upsert": {func(ctx context.Context, c *Client) error {
			_, err := c.Upsert(ctx, []Fields{ada, {ExternalID: Set("b")}})
			return err
		}, 3},
		"upsert with an anonymous one": {func(ctx context.Context, c *Client) error {
			_, err := c.Upsert(ctx, []Fields{ada, anonymous})
			return err
		}, 1},
		"update":               {func(ctx context.Context, c *Client) error { _, err := c.Update(ctx, "a", anonymous); return err }, 3},
		"update that moves it": {func(ctx context.Context, c *Client) error { _, err := c.Update(ctx, "a", ada); return err }, 1},
		"attributes":           {func(ctx context.Context, c *Client) error { _, err := c.Attributes(ctx); return err }, 3},
		"a new attribute": {func(ctx context.Context, c *Client) error {
			_, err := c.DefineAttribute(ctx, Attribute{Name: "a"})
			return err
		}, 1},
		"a change of an attribute": {func(ctx context.Context, c *Client) error {
			_, err := c.UpdateAttribute(ctx, "a", AttributeUpdate{Archived: Set(true)})
			return err
		}, 3},
		"the reading half of a merge": {func(ctx context.Context, c *Client) error {
			_, err := c.MergeAttributes(ctx, "a", Values{"a": 1})
			return err
		}, 3},
		"the reading half of an assurance.": {func(ctx context.Context, c *Client) error {
			_, err := c.EnsureAttributes(ctx, []Attribute{{Name: "a"}})
			return err
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, failing := range []transport{
					func(*http.Request) (*http.Response, error) { return nil, errReset },
					jsonResponse(503, `{"message":"Try again"}`),
				} {
					var rec recorder
					e := requireError(t, test.call(t.Context(), newTestClient(t, rec.with(failing), nil)))
					assert.Len(t, rec.requests, test.want)
					assert.Equal(t, test.want, e.Attempts)
					assert.True(t, e.OutcomeUnknown)
				}
				for _, rejecting := range []transport{
					func(*http.Request) (*http.Response, error) { return nil, errDial },
					jsonResponse(429, `{"message":"Slow down"}`),
				} {
					var rec recorder
					e := requireError(t, test.call(t.Context(), newTestClient(t, rec.with(rejecting), nil)))
					assert.Len(t, rec.requests, 3, "it was not carried out")
					assert.False(t, e.OutcomeUnknown)
				}
			})
		})
	}
}

// Always an *Error, and everything that a caller may want to find is in it.
func TestError_FieldsAndText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t, func(*http.Request) (*http.Response, error) {
			res := newResponse(429, "application/json", `{"message":"Slow down."}`)
			res.Header.Set("Retry-After", "3")
			return res, nil
		}, nil)
		_, err := c.Upsert(t.Context(), []Fields{ada})
		e := requireError(t, err)
		assert.Equal(t, &Error{
			Operation: "POST /chatbots/{chatbotId}/contacts", StatusCode: 429, Message: "Slow down.", RetryAfter: 3 * time.Second,
			ResponseInfo: ResponseInfo{"req_1", RateLimit{Limit: 100, Remaining: 99}}, Attempts: 3, isService: true,
		}, e)
		assert.ErrorIs(t, err, ErrRateLimited)
		assert.NotErrorIs(t, err, ErrNotFound)
		assert.Equal(t, `contacts: POST /chatbots/{chatbotId}/contacts: status 429 (retry after 3s) (request id "req_1")`, err.Error())

		// Given up while waiting: the context's end, its cause, and the rejection.
		cause := errors.New("the program ends")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		_, err = c.Upsert(ctx, []Fields{ada})
		e = requireError(t, err)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, cause)
		assert.NotErrorIs(t, err, ErrRateLimited)
		assert.ErrorIs(t, e.LastRejection, ErrRateLimited)
	})
	for status, want := range map[int]error{
		400: ErrBadRequest, 401: ErrUnauthorized, 403: ErrForbidden, 404: ErrNotFound, 409: ErrConflict, 413: ErrTooLarge, 501: ErrServer,
	} {
		_, err := newTestClient(t, jsonResponse(status, `{"message":"m"}`), nil).Get(t.Context(), "a")
		assert.ErrorIs(t, err, want)
		assert.Equal(t, "m", requireError(t, err).Message)
		assert.Equal(t, status > 500, requireError(t, err).OutcomeUnknown)
	}
	assert.Equal(t, "status 404 Not Found", ErrNotFound.Error())
	assert.Equal(t, "contacts: apiKey: must not be empty", (&FieldError{"apiKey", "must not be empty"}).Error())
}

func TestError_ByForm(t *testing.T) {
	page := "<html>\r\n<body>" + strings.Repeat("x", 100_000)
	many := `{"message":"m","issues":[` + strings.TrimSuffix(strings.Repeat(`{"field":"`+strings.Repeat("f", 600)+`","message":"is wrong"},`, 1500), ",") + `]}`
	for body, check := range map[string]func(*Error){
		`{"message":"Resource not found"}`: func(e *Error) { assert.Equal(t, "Resource not found", e.Message) },
		`{"message":"m","issues":[{"field":"users[3].email","message":"is taken"},{"path":["users",3]},"odd",{"field":7,"message":"n"}]}`: func(e *Error) {
			assert.Equal(t, []Issue{{"users[3].email", "is taken"}, {"", `{"path":["users",3]}`}, {"", `"odd"`}, {"", `{"field":7,"message":"n"}`}}, e.Issues())
		},
		`{"message":"m","issues":"odd"}`: func(e *Error) { assert.Empty(t, e.Issues()) },
		`{"success":false,"error":{"code":"A_B","message":"m","details":[{"field":"f","message":"n"}]}}`: func(e *Error) {
			assert.Equal(t, "A_B", e.Code)
			assert.Equal(t, "m", e.Message)
			assert.Equal(t, []Issue{{"f", "n"}}, e.Issues())
			assert.Contains(t, e.Error(), "status 418 \"A_B\"")
		},
		page: func(e *Error) {
			assert.True(t, strings.HasPrefix(e.Message, "<html>  <body>xxx"))
			assert.Len(t, e.Message, 512)
			assert.NotContains(t, e.Error(), "xxx")
		},
		many: func(e *Error) {
			assert.Equal(t, "m", e.Message, "a rejection of a whole upsert is read to its end")
			assert.Len(t, e.Issues(), 1000)
			assert.Len(t, e.Issues()[999].Field, 512)
		},
		"": func(e *Error) { assert.Empty(t, e.Message) },
	} {
		_, err := newTestClient(t, jsonResponse(418, body), nil).Upsert(t.Context(), []Fields{ada})
		check(requireError(t, err))
	}
}

// A captive portal's page, or a rejection with status 200, is no success.
func TestClient_UnexpectedResponses(t *testing.T) {
	ctx := t.Context()
	for _, body := range []string{"", "<html>login", "null", "7", "{}", `{"data":null}`, `{"data":7}`, `{"message":"Invalid request data"}`} {
		c := newTestClient(t, jsonResponse(200, body), nil)
		for name, call := range map[string]func() error{
			"upsert":           func() error { _, err := c.Upsert(ctx, []Fields{ada}); return err },
			"page":             func() error { _, err := c.Page(ctx, PageRequest{}); return err },
			"get":              func() error { _, err := c.Get(ctx, "a"); return err },
			"update":           func() error { _, err := c.Update(ctx, "a", ada); return err },
			"merge":            func() error { _, err := c.MergeAttributes(ctx, "a", Values{"a": 1}); return err },
			"delete":           func() error { _, err := c.Delete(ctx, "a"); return err },
			"attributes":       func() error { _, err := c.Attributes(ctx); return err },
			"define":           func() error { _, err := c.DefineAttribute(ctx, Attribute{Name: "a"}); return err },
			"update attribute": func() error { _, err := c.UpdateAttribute(ctx, "a", AttributeUpdate{Archived: Set(true)}); return err },
		} {
			err := call()
			assert.ErrorIs(t, err, ErrUnexpectedResponse, "%s %s", name, body)
			e := requireError(t, err)
			assert.Equal(t, 1, e.Attempts)
			assert.Equal(t, 200, e.StatusCode)
			assert.Equal(t, "req_1", e.RequestID)
			assert.True(t, e.OutcomeUnknown)
		}
	}
}

func TestContact_TolerantDecoding(t *testing.T) {
	ctx := t.Context()
	const record = `{"id":"contact_1","external_id":"ü/8821","name":null,"email":7,"phonenumber":"+49","stripe_accounts":[{"label":"l","stripe_id":"cus_1","stripe_email":"e","more":1},null],
		"custom_attributes":{"n":9007199254740993,"big":1e400,"text":"x","yes":true,"none":null},"created_at":1700000000,"updated_at":"1700000001","later":[]}`
	for _, body := range []string{record, `{"message":"Success","data":` + record + `}`} {
		contact, err := newTestClient(t, jsonResponse(200, body), nil).Get(ctx, "Ü/8821")
		require.NoError(t, err)
		assert.Equal(t, &Contact{
			ID: "contact_1", ExternalID: "ü/8821", PhoneNumber: "+49",
			StripeAccounts:   []StripeAccount{{"l", "cus_1", "e"}, {}},
			CustomAttributes: Values{"n": json.Number("9007199254740993"), "big": json.Number("1e400"), "text": "x", "yes": true, "none": nil},
			CreatedAt:        Time{time.Unix(1700000000, 0)}, UpdatedAt: Time{time.Unix(1700000001, 0)},
			ResponseInfo: ResponseInfo{"req_1", RateLimit{Limit: 100, Remaining: 99}},
		}, contact)
		b, err := json.Marshal(contact)
		require.NoError(t, err)
		assert.Contains(t, string(b), `"n":9007199254740993`)
		assert.Contains(t, string(b), `"created_at":1700000000`)
	}
	contact, err := newTestClient(t, jsonResponse(200, `{"data":{"external_id":"a","stripe_accounts":{},"custom_attributes":[1],"created_at":{}}}`), nil).Get(ctx, "a")
	require.NoError(t, err)
	assert.Nil(t, contact.CustomAttributes)
	assert.True(t, contact.CreatedAt.IsZero())

	page, err := newTestClient(t, jsonResponse(200, `{"data":[{"id":1},{},{"id":"contact_2"}],"total":"3","pages":{"page":2,"per_page":10,"total_pages":2}}`), nil).Page(ctx, PageRequest{})
	require.NoError(t, err)
	require.Len(t, page.Contacts, 3)
	assert.Equal(t, "contact_2", page.Contacts[2].ID)
	assert.Equal(t, 2, page.Number)
	assert.Zero(t, page.Total)

	for _, body := range []string{`[{"name":"plan","type":"text","later":1}]`, `{"data":[{"name":"plan","type":"text","label":null}]}`} {
		attributes, err := newTestClient(t, jsonResponse(200, body), nil).Attributes(ctx)
		require.NoError(t, err)
		assert.Equal(t, []Attribute{{Name: "plan", Type: TypeText}}, attributes)
	}
	for _, body := range []string{`{"name":"plan"}`, `{"data":{"name":"plan"}}`, `{"data":{}}`} {
		a, err := newTestClient(t, jsonResponse(201, body), nil).DefineAttribute(ctx, Attribute{Name: "plan", Type: TypeDate})
		require.NoError(t, err)
		assert.Equal(t, Attribute{Name: "plan", Type: TypeDate}, a)
	}
}

// A list ends after the last page of the service, and never goes round in circles.
func TestAll_Pages(t *testing.T) {
	const a, b = `{"data":[{"id":"contact_1"},{"id":"contact_2"}]%s}`, `{"data":[{"id":"contact_3"}]%s}`
	const none = `{"data":[]%s}`
	pages := func(page, of int) string {
		return fmt.Sprintf(`,"total":3,"pages":{"page":%d,"per_page":1000,"total_pages":%d}`, page, of)
	}
	for name, test := range map[string]struct {
		responses []string
		contacts  int
		requests  int
		want      error
	}{
		"by total_pages":          {[]string{fmt.Sprintf(a, pages(1, 2)), fmt.Sprintf(b, pages(2, 2))}, 3, 2, nil},
		"by an empty page":        {[]string{fmt.Sprintf(a, ""), fmt.Sprintf(b, ""), fmt.Sprintf(none, "")}, 3, 3, nil},
		"nothing":                 {[]string{fmt.Sprintf(none, pages(1, 0))}, 0, 1, nil},
		"it shrank":               {[]string{fmt.Sprintf(a, pages(1, 2)), fmt.Sprintf(none, pages(2, 1))}, 2, 2, nil},
		"it grew":                 {[]string{fmt.Sprintf(a, pages(1, 1)), "unused"}, 2, 1, nil},
		"the same page":           {[]string{fmt.Sprintf(a, pages(1, 9))}, 2, 2, ErrRepeatedPage},
		"the same two pages":      {[]string{fmt.Sprintf(a, ""), fmt.Sprintf(b, ""), fmt.Sprintf(a, "")}, 3, 3, ErrRepeatedPage},
		"without ids":             {[]string{`{"data":[{}]}`}, 1, 2, ErrRepeatedPage},
		"an empty one in between": {[]string{fmt.Sprintf(a, pages(1, 3)), fmt.Sprintf(none, pages(2, 3))}, 2, 2, ErrUnexpectedResponse},
		"a page of somebody else": {[]string{fmt.Sprintf(a, pages(1, 3)), "<html>"}, 2, 2, ErrUnexpectedResponse},
	} {
		t.Run(name, func(t *testing.T) {
			var rec recorder
			c := newTestClient(t, rec.with(jsonResponses(200, test.responses...)), nil)
			contacts := 0
			var last error
			for _, err := range c.All(t.Context()) {
				if last = err; err == nil {
					contacts++
				}
			}
			assert.Equal(t, test.contacts, contacts)
			assert.Len(t, rec.requests, test.requests)
			assert.ErrorIs(t, last, test.want)
			if test.want != nil {
				assert.Equal(t, "req_1", requireError(t, last).RequestID)
			}
		})
	}
}

func TestAll_LazyAndRepeatable(t *testing.T) {
	var rec recorder
	c := newTestClient(t, rec.with(jsonResponse(200, `{"data":[{"id":"contact_1"},{"id":"contact_2"}],"pages":{"total_pages":2}}`)), nil)
	all := c.All(t.Context())
	assert.Empty(t, rec.requests)
	for range 2 {
		for contact, err := range all {
			require.NoError(t, err)
			assert.Equal(t, "contact_1", contact.ID)
			break
		}
	}
	require.Len(t, rec.requests, 2)
	assert.Equal(t, rec.requests[0].URL.String(), rec.requests[1].URL.String())
}

// A 404 is a success where an earlier attempt may have been carried out, and by
// the service's own word alone.
func TestDelete_Responses(t *testing.T) {
	gone := jsonResponse(404, `{"message":"Resource not found"}`)
	reset := transport(func(*http.Request) (*http.Response, error) { return nil, errReset })
	dial := transport(func(*http.Request) (*http.Response, error) { return nil, errDial })
	proxy := func(status int) transport {
		return func(*http.Request) (*http.Response, error) { return newResponse(status, "text/html", "<html>"), nil }
	}
	for name, test := range map[string]struct {
		responses []transport
		want      error
	}{
		"echoed":                        {[]transport{jsonResponse(200, `{"message":"m","data":`+adaRecord+`}`)}, nil},
		"echoed bare":                   {[]transport{jsonResponse(200, adaRecord)}, nil},
		"204":                           {[]transport{jsonResponse(204, "")}, nil},
		"absent":                        {[]transport{gone}, ErrNotFound},
		"absent after 429":              {[]transport{jsonResponse(429, "{}"), gone}, ErrNotFound},
		"absent after a failed dial":    {[]transport{dial, gone}, ErrNotFound},
		"gone after a reset":            {[]transport{reset, gone}, nil},
		"gone after a proxy's 502":      {[]transport{proxy(502), gone}, nil},
		"gone after a reset and a 429":  {[]transport{reset, jsonResponse(429, "{}"), gone}, nil},
		"null after a reset":            {[]transport{reset, jsonResponse(404, "null")}, ErrNotFound},
		"a proxy's 404 after a reset":   {[]transport{reset, proxy(404)}, ErrNotFound},
		"a rejected key after a reset":  {[]transport{reset, jsonResponse(401, "{}")}, ErrUnauthorized},
		"reset, reset, and reset again": {[]transport{reset}, errReset},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				c := newTestClient(t, func(r *http.Request) (*http.Response, error) {
					n++
					return test.responses[min(n, len(test.responses))-1](r)
				}, nil)
				meta, err := c.Delete(t.Context(), "user_8821")
				assert.ErrorIs(t, err, test.want)
				if test.want == nil {
					assert.Equal(t, "req_1", meta.RequestID)
				}
			})
		})
	}
}

func TestMergeAttributes_KeepsDigits(t *testing.T) {
	var rec recorder
	c := newTestClient(t, rec.with(jsonResponse(200, `{"data":{"external_id":"a","custom_attributes":{"n":9007199254740993,"x":0.10,"plan":"free","old":"\ud800","none":null,"e":1E400}}}`)), nil)
	_, err := c.MergeAttributes(t.Context(), "a", Values{"plan": "pro", "x": nil, "seats": 3})
	require.NoError(t, err)
	require.Len(t, rec.requests, 2)
	assert.Equal(t, "PATCH", rec.requests[1].Method)
	assert.Equal(t, `{"custom_attributes":{"e":1E400,"n":9007199254740993,"old":"`+"\ufffd"+`","plan":"pro","seats":3}}`, rec.bodies[1])
}

// An response that does not have the attributes must not lead to their loss.
func TestMergeAttributes_ResponseWithoutAttributes(t *testing.T) {
	for _, body := range []string{
		`{"data":{"external_id":"a"}}`, `{"data":{"external_id":"a","custom_attributes":null}}`, `{"data":{"external_id":"a","custom_attributes":[{"name":"plan"}]}}`,
		`{"data":{"external_id":"a","custom_attributes":"{}"}}`, `{"data":{}}`, `{"data":{"contact":{"external_id":"a","custom_attributes":{}}}}`,
		`{"data":{"external_id":"other","custom_attributes":{"plan":"pro"}}}`,
	} {
		var rec recorder
		_, err := newTestClient(t, rec.with(jsonResponse(200, body)), nil).MergeAttributes(t.Context(), "a", Values{"seats": 3})
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
		assert.Len(t, rec.requests, 1, "nothing is changed")
	}
	var rec recorder
	_, err := newTestClient(t, rec.with(jsonResponse(200, `{"data":{"external_id":"a","custom_attributes":{}}}`)), nil).MergeAttributes(t.Context(), "a", Values{"seats": 3})
	require.NoError(t, err)
	assert.Equal(t, `{"custom_attributes":{"seats":3}}`, rec.bodies[1])
}

// What is not about the contact says nothing of it, deletion least of all.
func TestGet_AnotherContact(t *testing.T) {
	for _, body := range []string{`{"data":{"external_id":"other"}}`, `{"data":{}}`, `{"message":"Resource not found","data":{}}`} {
		c := newTestClient(t, jsonResponse(200, body), nil)
		_, err := c.Get(t.Context(), "a")
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
		_, err = c.Delete(t.Context(), "a")
		e, ok := errors.AsType[*Error](err)
		require.True(t, ok, body)
		assert.ErrorIs(t, e, ErrUnexpectedResponse)
		assert.True(t, e.OutcomeUnknown)
		d, err := c.DeleteAll(t.Context(), func(yield func(string, error) bool) { yield("a", nil) }, nil)
		assert.Error(t, err)
		assert.Zero(t, d.Deleted)
		assert.Len(t, d.Failed, 1)
	}
	for _, body := range []string{`{"data":["plan","seats"]}`, `{"data":[null]}`, `[1]`} {
		c := newTestClient(t, jsonResponse(200, body), nil)
		_, err := c.Attributes(t.Context())
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
		_, err = c.Page(t.Context(), PageRequest{})
		assert.ErrorIs(t, err, ErrUnexpectedResponse, body)
	}
}

func TestOptional_RoundTrip(t *testing.T) {
	for _, text := range []string{`{}`, `{"external_id":"a","name":null,"custom_attributes":{"plan":"pro"}}`, `{"email":""}`} {
		var in Fields
		require.NoError(t, json.Unmarshal([]byte(text), &in))
		again, err := json.Marshal(in)
		require.NoError(t, err)
		assert.JSONEq(t, text, string(again))
	}
	var in Fields
	assert.Error(t, json.Unmarshal([]byte(`{"name":{"a":1}}`), &in))
}

func TestValues_TooLong(t *testing.T) {
	body := func(length int) string {
		return `{"data":[{"external_id":"a","custom_attributes":{"a":"` + strings.Repeat("x", length) + `"}}]}`
	}
	page, err := newTestClient(t, jsonResponse(200, body(1<<19)), nil).Page(t.Context(), PageRequest{})
	require.NoError(t, err)
	assert.Len(t, page.Contacts[0].CustomAttributes["a"], 1<<19)
	_, err = newTestClient(t, jsonResponse(200, body(1<<20)), nil).Page(t.Context(), PageRequest{})
	assert.ErrorIs(t, err, ErrTooLong)
}

func TestPage_MoreThanAskedFor(t *testing.T) {
	body := `{"data":[` + strings.Repeat(`{"external_id":"a"},`, 10) + `{"external_id":"a"}]}`
	_, err := newTestClient(t, jsonResponse(200, body), nil).Page(t.Context(), PageRequest{PerPage: 10})
	assert.ErrorIs(t, err, ErrUnexpectedResponse)
	_, err = newTestClient(t, jsonResponse(200, body), nil).Page(t.Context(), PageRequest{PerPage: 11})
	assert.NoError(t, err)
	_, err = newTestClient(t, jsonResponse(200, body), nil).Upsert(t.Context(), []Fields{ada})
	assert.ErrorIs(t, err, ErrUnexpectedResponse)
}

func TestMergeAttributes_NullOfAValuer(t *testing.T) {
	var rec recorder
	c := newTestClient(t, rec.with(jsonResponse(200, `{"data":{"external_id":"a","custom_attributes":{"plan":"free","old":1,"seats":2}}}`)), nil)
	_, err := c.MergeAttributes(t.Context(), "a", Values{"plan": sql.NullString{}, "old": (*string)(nil), "seats": sql.NullInt64{Int64: 3, Valid: true}})
	require.NoError(t, err)
	assert.Equal(t, `{"custom_attributes":{"plan":"free","seats":3}}`, rec.bodies[1])
}

func TestSchema_Check(t *testing.T) {
	c := newTestClient(t, jsonResponse(200, `{"data":[{"name":"plan"},{"name":"seats","type":"number"},{"name":"vip","type":"boolean"},
		{"name":"since","type":"date"},{"name":"old","type":"text","archived":true},{"name":"new","type":"colour"}]}`), nil)
	s, err := c.Schema(t.Context())
	require.NoError(t, err)
	for _, good := range []Values{
		nil, {}, {"plan": "pro", "seats": 3, "vip": false, "since": "2026-01-02"}, {"seats": json.Number("9007199254740991")}, {"plan": sql.NullString{}}, {"plan": sql.NullString{String: "a", Valid: true}}, {"seats": 0.5},
		{"since": time.Now()}, {"since": 1700000000}, {"since": 1e11}, {"since": -2208988800}, {"seats": 1700000000000}, {"plan": nil, "seats": nil, "vip": nil}, {"new": []int{1}}, {"plan": new("pro")},
	} {
		assert.NoError(t, s.Check(Fields{CustomAttributes: Set(good)}), good)
	}
	assert.NoError(t, s.Check(Fields{}))
	assert.NoError(t, s.Check(Fields{CustomAttributes: Null[Values]()}))
	for rule, bad := range map[string]Values{
		`"a" is not defined (see EnsureAttributes)`:                                                      {"b": 1, "a": 1},
		`"old" is archived`:                                                                              {"old": "x"},
		`"plan" expected text, got number`:                                                               {"plan": 1, "seats": "x"},
		`"seats" expected number, got text`:                                                              {"seats": "3"},
		`"vip" expected boolean, got number`:                                                             {"vip": 1},
		`"since" expected date, got boolean`:                                                             {"since": true},
		`"plan" expected text, got an array`:                                                             {"plan": []string{"x"}},
		`"plan" expected text, got an object`:                                                            {"plan": map[string]int{}},
		`"seats" must be a finite number (leave it out, or pass nil)`:                                    {"seats": math.Inf(1)},
		`"plan" must not be bytes, got []uint8 (pass a string)`:                                          {"plan": []byte("pro")},
		`"since" must not be the zero time (leave it out, or pass nil)`:                                  {"since": time.Time{}},
		`"since" must be in seconds since 1970, got milliseconds (divide by 1,000, or pass a time.Time)`: {"since": int64(-1700000000000)},
		`"Plan" is not defined (see EnsureAttributes)`:                                                   {"Plan": "pro"},
		`"` + strings.Repeat("x", 64) + `" is not defined (see EnsureAttributes)`:                        {strings.Repeat("x", 100): 1},
	} {
		err := s.Check(Fields{CustomAttributes: Set(bad)})
		name, rule, _ := strings.Cut(rule, " ")
		requireField(t, err, "input.CustomAttributes["+name+"]", rule)
	}
	a, ok := s.Attribute("seats")
	assert.True(t, ok)
	assert.Equal(t, TypeNumber, a.Type)
	_, ok = s.Attribute("nope")
	assert.False(t, ok)
}

func TestClient_PrintsNoKey(t *testing.T) {
	c := newTestClient(t, jsonResponse(401, `{"message":"no","issues":[{"field":"f","message":"m"}]}`), nil)
	testenv.Redacted(t, []byte(testKey), c)
	_, err := c.Upsert(t.Context(), []Fields{ada})
	contact, getErr := newTestClient(t, jsonResponse(200, `{"data":`+adaRecord+`}`), nil).Get(t.Context(), "user_8821")
	require.NoError(t, getErr)
	schema, schemaErr := newTestClient(t, jsonResponse(200, `[{"name":"plan"}]`), nil).Schema(t.Context())
	require.NoError(t, schemaErr)
	for name, v := range map[string]any{
		"Error": requireError(t, err), "Contact": contact, "Schema": schema, "Fields": &ada, "Options": &Options{BaseURL: "x"}, "Attempt": Attempt{Number: 1},
		"FieldError": &FieldError{"apiKey", "must not be empty"}, "DeleteReport": DeleteReport{Failed: []Deletion{{"a", OutcomeFailed, err}}},
	} {
		t.Run(name, func(t *testing.T) { testenv.Keyless(t, []byte(testKey), v) })
	}
	_, err = New(testKey+"\n", 1, nil)
	testenv.NoKey(t, []byte(testKey), err.Error())
}

// What a transport says may be anything: it is cut, and one line.
func TestError_TextOfATransport(t *testing.T) {
	long := errors.New("\x1b[2J" + strings.Repeat("x", 100_000) + "\n")
	_, err := newTestClient(t, func(*http.Request) (*http.Response, error) { return nil, long }, nil).Upsert(t.Context(), []Fields{{}})
	assert.ErrorIs(t, err, long)
	assert.Less(t, len(err.Error()), 700)
	assert.NotContains(t, err.Error(), "\x1b")
}

func TestError_ForeignTexts(t *testing.T) {
	const misleading = "\u2028\u2029\u202e\u2066\u200f\u061c\u0085\x1b\n"
	body, err := json.Marshal(map[string]any{"error": map[string]any{
		"code": "A B" + misleading + strings.Repeat("C", 1000), "message": "m" + misleading,
		"details": []any{map[string]any{"field": "f" + misleading, "message": "n" + misleading}, "odd" + misleading},
	}})
	require.NoError(t, err)
	_, err = newTestClient(t, jsonResponse(400, string(body)), nil).Get(t.Context(), "a")
	e := requireError(t, err)
	require.Len(t, e.Issues(), 2)
	text := e.Error() + e.Code + e.Message + e.Issues()[0].Field + e.Issues()[0].Message + e.Issues()[1].Message +
		(&Error{Operation: "GET /", err: errors.New(misleading), Code: misleading, ResponseInfo: ResponseInfo{RequestID: misleading}}).Error()
	assert.False(t, strings.ContainsAny(text, misleading), "%q", text)
	assert.Contains(t, e.Error(), ` status 400 "A B `, "a code is quoted")
	assert.Less(t, len(e.Error()), 400)

	_, err = newTestClient(t, jsonResponse(400, `{"message":"m","issues":[{"field":"f","message":"`+testKey+`"}]}`), nil).Get(t.Context(), "a")
	assert.Empty(t, requireError(t, err).Issues(), "the key was sent back")
}

func TestOptions_OnAttemptAndLimiter(t *testing.T) {
	spent := errors.New("the budget is spent")
	var attempts []Attempt
	c := newTestClient(t, jsonResponse(200, `{"data":[]}`), func(o *Options) {
		o.OnAttempt = func(_ context.Context, a Attempt) { attempts = append(attempts, a) }
		o.Limiter = rejecting{spent}
	})
	_, err := c.Upsert(t.Context(), []Fields{ada})
	assert.ErrorIs(t, err, spent)
	assert.False(t, requireError(t, err).OutcomeUnknown)
	require.Len(t, attempts, 1)
	assert.Equal(t, "POST /chatbots/{chatbotId}/contacts", attempts[0].Operation)
}

type rejecting struct{ err error }

func (r rejecting) Wait(context.Context) error { return r.err }

// Whatever external id is accepted, a router sees exactly that id, in one
// segment.
func FuzzExternalIDInPath(f *testing.F) {
	for _, id := range []string{"user_8821", "a/b", "ü", "100%", "ada@example.com", "%2e%2e", "a?b#c", "a//b", "/", "a\x00\n", " ", "a;b,c", `a\b`, "...", "//..", "http://x", "\u2028"} {
		f.Add(id)
	}
	for id := range badExternalIDs {
		f.Add(id)
	}
	var seen []string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /base/api/v1/chatbots/123/contacts/{external_id}", func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.PathValue("external_id"))
	})
	c := newTestClient(f, func(r *http.Request) (*http.Response, error) {
		// As a server reads it from the request line.
		u, err := url.ParseRequestURI(r.URL.RequestURI())
		if err != nil {
			return nil, err
		}
		mux.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: r.Method, URL: u, Host: r.Host, RequestURI: r.URL.RequestURI()})
		return newResponse(200, "application/json", `{"data":`+adaRecord+`}`), nil
	}, func(o *Options) { o.BaseURL, o.MaxRetries = "https://bookbag.example/base/", -1 })
	f.Fuzz(func(t *testing.T, id string) {
		seen = nil
		_, err := c.Get(t.Context(), id)
		if _, ok := errors.AsType[*FieldError](err); ok {
			return
		}
		if err != nil {
			require.ErrorIs(t, err, ErrUnexpectedResponse) // the record is Ada's
		}
		require.Equal(t, []string{id}, seen)
	})
}

func FuzzContact(f *testing.F) {
	f.Add([]byte(`{"data":{"external_id":"a","custom_attributes":{"n":9007199254740993},"created_at":1}}`))
	f.Add([]byte(`{"external_id":"a","custom_attributes":[],"created_at":"x","stripe_accounts":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var contact Contact
		anyone := func(*Contact) bool { return true }
		if bookbag.CheckLength(body) == nil && contact.read(body, anyone) == nil {
			_, err := json.Marshal(contact)
			require.NoError(t, err)
		}
	})
}

func FuzzIssues(f *testing.F) {
	f.Add([]byte(`[{"field":"f","message":"m"},7,"x",null]`))
	f.Fuzz(func(t *testing.T, details []byte) {
		for _, issue := range (&Error{Details: details}).Issues() {
			require.LessOrEqual(t, len(issue.Field), 512)
			require.LessOrEqual(t, len(issue.Message), 512)
			require.NotContains(t, issue.Field+issue.Message, "\n")
		}
	})
}
