package identity

import (
	"database/sql"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

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

// An empty string in Extra is a value. In a named field or in Services, it is absent.
func TestPayload_EmptyString(t *testing.T) {
	p := Payload{
		User:         UserDetail{ID: "1", Extra: map[string]any{"order": ""}},
		Integrations: Integrations{Services: map[string]map[string]any{"shop": {"order": "", "id": "s1"}}},
	}
	token, err := newTestMinter(t, &Options{Clock: at(1)}).Mint(p)
	require.NoError(t, err)
	assert.Equal(t, `{"userDetail":{"id":"1","order":""},"integrations":{"shop":{"id":"s1"}},"iat":1,"exp":3601}`, claimsOf(t, token))
	opened, err := parseClaims([]byte(claimsOf(t, token)))
	require.NoError(t, err)
	for _, payload := range []Payload{p, opened.Payload} {
		order, ok := payload.Lookup("userDetail.order")
		assert.True(t, ok)
		assert.Equal(t, "", order)
		for _, path := range []string{"userDetail.email", "userDetail.plan", "integrations.shop.order"} {
			_, ok := payload.Lookup(path)
			assert.False(t, ok, path)
		}
	}
}

func TestMint_RejectsAPayload(t *testing.T) {
	const (
		utf8Rule  = "must be valid UTF-8 (convert it, or replace the rest with strings.ToValidUTF8)"
		edges     = "must not begin or end with white space (use strings.TrimSpace)"
		notSet    = "must be the id of a customer, got a text that programs write when there is none, such as undefined or <nil>"
		tooLarge  = "must be an integer from -(2^53-1) to 2^53-1, as JavaScript cannot hold others exactly (pass it as a string)"
		notFinite = "must be a finite number (leave it out, or pass nil)"
		tooDeep   = "must be at most 32 deep (does it contain itself?)"
		wrongType = "must be a string, boolean, number, time, map or slice, got chan int"
	)
	cycle := map[string]any{}
	cycle["a"] = []any{cycle}
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
		"nobody":                {func(p *Payload) { *p = Payload{} }, "userDetail", "must have an id or an email (for a visitor who is not signed in, return no payload)"},
		"only a name":           {func(p *Payload) { p.User = UserDetail{Name: "Ada"} }, "userDetail", "must have an id or an email (for a visitor who is not signed in, return no payload)"},
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
		"extra key not UTF-8":   {extra("\xff", 1), `userDetail["\xff"]`, "its key " + utf8Rule},
		"extra long key":        {extra(strings.Repeat("k", 9000)+".", 1), `userDetail["` + strings.Repeat("k", 64) + `"]`, "must not have a dot in its key"},
		"extra NaN":             {extra("mood", math.NaN()), `userDetail["mood"]`, notFinite},
		"extra channel":         {extra("ch", make(chan int)), `userDetail["ch"]`, wrongType},
		"extra nested channel":  {extra("deep", map[string]any{"a": []any{make(chan int)}}), `userDetail["deep"]["a"][0]`, wrongType},
		"extra not UTF-8":       {extra("city", "Z\xfcrich"), `userDetail["city"]`, utf8Rule},
		"extra nested UTF-8":    {extra("deep", []any{map[string]string{"s": "\xff"}}), `userDetail["deep"][0]["s"]`, utf8Rule},
		"extra struct":          {extra("who", struct{ Name string }{"Ada"}), `userDetail["who"]`, "must not be a struct, got struct { Name string } (pass a map[string]any, or the result of json.Marshal as a json.RawMessage)"},
		"extra large integer":   {extra("accountId", int64(653247040368672768)), `userDetail["accountId"]`, tooLarge},
		"extra large number":    {extra("n", json.Number("9007199254740993")), `userDetail["n"]`, tooLarge},
		"extra NUL":             {extra("a", "a\x00"), `userDetail["a"]`, "must not contain NUL"},
		"extra key NUL":         {extra("a\x00", 1), `userDetail["a\x00"]`, "its key must not contain NUL"},
		"extra cycle":           {extra("cycle", cycle), `userDetail["cycle"]` + strings.Repeat(`["a"][0]`, 15) + `["a"]`, tooDeep},
		"email, space after":    {func(p *Payload) { p.User.Email = "ada@example.com " }, "userDetail.email", edges},
		"name, space before":    {func(p *Payload) { p.User.Name = "\u00a0Ada" }, "userDetail.name", edges},
		"plan, new line":        {func(p *Payload) { p.User.Plan = "pro\r\n" }, "userDetail.plan", edges},
		"id of white space":     {func(p *Payload) { p.User.ID = " " }, "userDetail.id", edges},
		"id of zero width":      {func(p *Payload) { p.User.ID = "1\u200b" }, "userDetail.id", edges},
		"customer, new line":    {func(p *Payload) { p.Integrations.StripeCustomerID = "cus_123\n" }, "integrations.stripe.customerId", edges},
		"status, tab":           {func(p *Payload) { p.Integrations.StripeSubscriptionStatus = "\tactive" }, "integrations.stripe.subscriptionStatus", edges},
		"id undefined":          {func(p *Payload) { p.User.ID = "undefined" }, "userDetail.id", notSet},
		"id <nil>, and email":   {func(p *Payload) { p.User = UserDetail{ID: "<nil>", Email: "ada@example.com"} }, "userDetail.id", notSet},
		"customer null":         {func(p *Payload) { p.Integrations.StripeCustomerID = "null" }, "integrations.stripe.customerId", notSet},
		"extra raw not UTF-8":   {extra("raw", json.RawMessage("\"\xff\"")), `userDetail["raw"]`, utf8Rule},
		"service is stripe":     {service("stripe", "customerId", "x"), `integrations["stripe"]`, "must be set by the field of that name"},
		"service empty name":    {service("", "a", 1), `integrations[""]`, "must not have an empty key"},
		"service dot":           {service("a.b", "a", 1), `integrations["a.b"]`, "must not have a dot in its key"},
		"service key empty":     {service("crm2", "", 1), `integrations["crm2"][""]`, "must not have an empty key"},
		"service key dot":       {service("crm2", "a.b", 1), `integrations["crm2"]["a.b"]`, "must not have a dot in its key"},
		"service value Inf":     {service("crm2", "a", math.Inf(1)), `integrations["crm2"]["a"]`, notFinite},
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

// A value of 30 lists would have 2^30 members in JSON.
func TestMint_BoundsTheWorkOfOneValue(t *testing.T) {
	var v any = "x"
	for range 30 {
		v = []any{v, v}
	}
	begun := time.Now()
	_, err := newTestMinter(t, nil).Mint(Payload{User: UserDetail{ID: "1", Extra: map[string]any{"v": v}}})
	var fe *FieldError
	require.ErrorAs(t, err, &fe)
	assert.Equal(t, "must be at most 8192 bytes of JSON", fe.Rule)
	assert.Less(t, time.Since(begun), 5*time.Second)
}

// Values of databases count as what they hold, and NULL as absent.
func TestMint_UnwrapsValuers(t *testing.T) {
	since := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	p := Payload{
		User: UserDetail{ID: "1", Extra: map[string]any{
			"company": sql.NullString{String: "Acme", Valid: true}, "vat": sql.NullString{}, "seats": sql.NullInt64{Int64: 5, Valid: true},
			"since": since, "team": &[]string{"a"}[0], "boss": (*string)(nil),
		}},
		Integrations: Integrations{Services: map[string]map[string]any{
			"crm":   {"id": sql.NullString{String: "c1", Valid: true}, "old": sql.NullString{}, "empty": "", "nothing": nil, "zero": 0, "no": false},
			"gone":  {"id": sql.NullString{}},
			"blank": {"id": ""},
		}},
	}
	token, err := newTestMinter(t, &Options{Clock: at(1)}).Mint(p)
	require.NoError(t, err)
	assert.Equal(t, `{"userDetail":{"id":"1","boss":null,"company":"Acme","seats":5,"since":"2024-05-01T12:00:00Z","team":"a"},`+
		`"integrations":{"crm":{"id":"c1","no":false,"zero":0}},"iat":1,"exp":3601}`, claimsOf(t, token))

	for _, path := range []string{"userDetail.vat", "integrations.crm.old", "integrations.crm.empty", "integrations.crm.nothing", "integrations.gone", "integrations.gone.id", "integrations.blank"} {
		_, ok := p.Lookup(path)
		assert.False(t, ok, path)
	}
	v, ok := p.Lookup("integrations.crm")
	assert.True(t, ok)
	assert.Len(t, v, 3)
	assert.Len(t, p.Integrations.Services["crm"], 6, "the caller's map is not changed")

	// Extra with nothing but NULL.
	p = Payload{User: UserDetail{ID: "1", Extra: map[string]any{"vat": sql.NullString{}}}}
	token, err = newTestMinter(t, &Options{Clock: at(1)}).Mint(p)
	require.NoError(t, err)
	assert.Equal(t, `{"userDetail":{"id":"1"},"integrations":{},"iat":1,"exp":3601}`, claimsOf(t, token))
}

func TestMint_BoundsClaimsAt8192Bytes(t *testing.T) {
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
	requireField(t, err, "claims", "must be at most 8192 bytes of JSON, got 8193")
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
