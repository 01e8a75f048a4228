package identity

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func full() Payload {
	return Payload{
		User: UserDetail{
			ID: "user-123", Email: "user@example.com", Name: "Ada Lovelace", Plan: "pro",
			Extra: map[string]any{
				"vip":     true,
				"orders":  3,
				"since":   "2024-05-01",
				"nothing": nil,
				"address": map[string]any{"city": "London", "a.b": 1},
			},
		},
		Integrations: Integrations{
			StripeCustomerID:         "cus_123",
			StripeSubscriptionStatus: "active",
			Services:                 map[string]map[string]any{"hubspot": {"id": "h1"}, "empty": {}},
		},
	}
}

func TestLookup(t *testing.T) {
	p := full()
	for path, want := range map[string]any{
		"userDetail.id":                          "user-123",
		"userDetail.email":                       "user@example.com",
		"userDetail.name":                        "Ada Lovelace",
		"userDetail.fullName":                    "Ada Lovelace",
		"userDetail.plan":                        "pro",
		"userDetail.vip":                         true,
		"userDetail.orders":                      3,
		"userDetail.nothing":                     nil,
		"userDetail.address.city":                "London",
		"userDetail.address":                     map[string]any{"city": "London", "a.b": 1},
		"integrations.stripe.customerId":         "cus_123",
		"integrations.stripe.subscriptionStatus": "active",
		"integrations.hubspot.id":                "h1",
		"integrations.hubspot":                   map[string]any{"id": "h1"},
	} {
		got, ok := p.Lookup(path)
		assert.True(t, ok, path)
		assert.Equal(t, want, got, path)
	}
	for _, path := range []string{
		"", ".", "userDetail", "userDetail.", "integrations", "integrations.", "email",
		"UserDetail.email", "userDetail.Email", "userDetail.missing", "userDetail.email.x", "userDetail.vip.x",
		"userDetail.address.a.b", "userDetail.address.", "integrations.stripe", "integrations.stripe.other",
		"integrations.stripe.customerId.x", "integrations.hubspot.x", "integrations.empty", "integrations.none.x", "iat", "exp",
	} {
		got, ok := p.Lookup(path)
		assert.False(t, ok, path)
		assert.Nil(t, got, path)
	}
	_, ok := Payload{User: UserDetail{ID: "1"}}.Lookup("userDetail.email")
	assert.False(t, ok, "an empty field is absent")
}

func TestMintRefusesAPayload(t *testing.T) {
	const utf8Rule = "must be valid UTF-8"
	const jsonRule = "must be a value that JSON can carry"
	extra := func(key string, v any) func(*Payload) {
		return func(p *Payload) { p.User.Extra = map[string]any{"ok": 1, key: v} }
	}
	service := func(name, key string, v any) func(*Payload) {
		return func(p *Payload) {
			p.Integrations.Services = map[string]map[string]any{"crm": {"id": 1}, name: {key: v}}
		}
	}
	for name, test := range map[string]struct {
		change      func(*Payload)
		field, rule string
	}{
		"nobody":                {func(p *Payload) { *p = Payload{} }, "userDetail", "must have an id or an email"},
		"only a name":           {func(p *Payload) { p.User = UserDetail{Name: "Ada"} }, "userDetail", "must have an id or an email"},
		"id not UTF-8":          {func(p *Payload) { p.User.ID = "a\xff" }, "userDetail.id", utf8Rule},
		"email not UTF-8":       {func(p *Payload) { p.User.Email = "\xff" }, "userDetail.email", utf8Rule},
		"name not UTF-8":        {func(p *Payload) { p.User.Name = "\xc3" }, "userDetail.name", utf8Rule},
		"plan not UTF-8":        {func(p *Payload) { p.User.Plan = "\xff" }, "userDetail.plan", utf8Rule},
		"customer not UTF-8":    {func(p *Payload) { p.Integrations.StripeCustomerID = "\xff" }, "integrations.stripe.customerId", utf8Rule},
		"status not UTF-8":      {func(p *Payload) { p.Integrations.StripeSubscriptionStatus = "\xff" }, "integrations.stripe.subscriptionStatus", utf8Rule},
		"extra is id":           {extra("id", 1), `userDetail["id"]`, "must be set by the field of that name"},
		"extra is email":        {extra("email", "a"), `userDetail["email"]`, "must be set by the field of that name"},
		"extra is name":         {extra("name", "a"), `userDetail["name"]`, "must be set by the field of that name"},
		"extra is fullName":     {extra("fullName", "a"), `userDetail["fullName"]`, "must be set by the field of that name"},
		"extra is plan":         {extra("plan", nil), `userDetail["plan"]`, "must be set by the field of that name"},
		"extra empty key":       {extra("", 1), `userDetail[""]`, "must not have an empty key"},
		"extra dot":             {extra("a.b", 1), `userDetail["a.b"]`, "must not have a dot in its key"},
		"extra key not UTF-8":   {extra("\xff", 1), `userDetail["\xff"]`, "must have a key of valid UTF-8"},
		"extra long key":        {extra(strings.Repeat("k", 9000)+".", 1), `userDetail["` + strings.Repeat("k", 64) + `"]`, "must not have a dot in its key"},
		"extra NaN":             {extra("mood", math.NaN()), `userDetail["mood"]`, jsonRule},
		"extra channel":         {extra("ch", make(chan int)), `userDetail["ch"]`, jsonRule},
		"extra nested channel":  {extra("deep", map[string]any{"a": []any{make(chan int)}}), `userDetail["deep"]["a"]`, jsonRule},
		"extra not UTF-8":       {extra("city", "Z\xfcrich"), `userDetail["city"]`, utf8Rule},
		"extra nested UTF-8":    {extra("deep", []any{struct{ S string }{"\xff"}}), `userDetail["deep"]`, utf8Rule},
		"extra raw not UTF-8":   {extra("raw", json.RawMessage("\"\xff\"")), `userDetail["raw"]`, utf8Rule},
		"service is stripe":     {service("stripe", "customerId", "x"), `integrations["stripe"]`, "must be set by the field of that name"},
		"service empty name":    {service("", "a", 1), `integrations[""]`, "must not have an empty key"},
		"service dot":           {service("a.b", "a", 1), `integrations["a.b"]`, "must not have a dot in its key"},
		"service key empty":     {service("crm2", "", 1), `integrations["crm2"][""]`, "must not have an empty key"},
		"service key dot":       {service("crm2", "a.b", 1), `integrations["crm2"]["a.b"]`, "must not have a dot in its key"},
		"service value Inf":     {service("crm2", "a", math.Inf(1)), `integrations["crm2"]["a"]`, jsonRule},
		"service value no UTF8": {service("crm2", "a", "\xff"), `integrations["crm2"]["a"]`, utf8Rule},
	} {
		t.Run(name, func(t *testing.T) {
			p := Payload{User: UserDetail{ID: "1"}}
			test.change(&p)
			token, err := newTestMinter(t, nil).Mint(p)
			requireField(t, err, test.field, test.rule)
			require.Empty(t, token)
		})
	}
}

func TestClaimsAreBoundedAt8192Bytes(t *testing.T) {
	m, o := newTestMinter(t, nil), newTestOpener(t)
	p := payloadOfClaims(t, 8192)

	token, err := m.Mint(p)
	require.NoError(t, err)
	require.Len(t, claimsOf(t, token), 8192)
	require.Len(t, token, 11004)
	opened, err := o.Open(token)
	require.NoError(t, err)
	require.Equal(t, p, opened.Payload)

	p.User.Plan += "x"
	_, err = m.Mint(p)
	requireField(t, err, "claims", "must be at most 8192 bytes of JSON, are 8193")
}

// payloadOfClaims returns a payload that makes size bytes of claims now.
func payloadOfClaims(t testing.TB, size int) Payload {
	t.Helper()
	p := Payload{User: UserDetail{ID: "user-123", Plan: "-"}}
	token, err := newTestMinter(t, nil).Mint(p)
	require.NoError(t, err)
	p.User.Plan += strings.Repeat("x", size-len(claimsOf(t, token)))
	return p
}
