package contacts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	key   = "oc_test_contactstest"
	agent = 123
)

type connect func(testing.TB, *contactstest.Options, func(*contacts.Options)) (*contacts.Client, *contactstest.Fake)

// newLoopbackClient returns a client of a fake on a loopback port.
func newLoopbackClient(t testing.TB, o *contactstest.Options, change func(*contacts.Options)) (*contacts.Client, *contactstest.Fake) {
	t.Helper()
	fake, err := contactstest.New(o)
	require.NoError(t, err)
	server := fake.Start()
	t.Cleanup(server.Close)
	return newServiceClient(t, &contacts.Options{BaseURL: server.URL}, change), fake
}

// newFakeClient returns a client of a fake in memory, for a bubble of fake time.
func newFakeClient(t testing.TB, o *contactstest.Options, change func(*contacts.Options)) (*contacts.Client, *contactstest.Fake) {
	t.Helper()
	fake, err := contactstest.New(o)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	return newServiceClient(t, &contacts.Options{BaseURL: contactstest.BaseURL, HTTPClient: fake.Client()}, change), fake
}

func newServiceClient(t testing.TB, o *contacts.Options, change func(*contacts.Options)) *contacts.Client {
	t.Helper()
	if o.Limiter == nil {
		o.Limiter = unlimited{} // what is not about the pace of Sync does not wait for it
	}
	if change != nil {
		change(o)
	}
	c, err := contacts.New(key, agent, o)
	require.NoError(t, err)
	return c
}

type unlimited struct{}

func (unlimited) Wait(ctx context.Context) error { return ctx.Err() }

var attributes = []contactstest.Attribute{{Name: "plan"}, {Name: "seats", Type: "number"}, {Name: "vip", Type: "boolean"}, {Name: "old", Archived: true}}

func newTestFields(id, name string) contacts.Fields {
	return contacts.Fields{ExternalID: contacts.Set(id), Name: contacts.Set(name)}
}

// fill makes n contacts, "user_0" and so on.
func fill(t testing.TB, c *contacts.Client, n int) {
	t.Helper()
	inputs := make([]contacts.Fields, n)
	for i := range inputs {
		inputs[i] = newTestFields(fmt.Sprintf("user_%d", i), "Ada")
	}
	for chunk := range slices.Chunk(inputs, contacts.MaxUpsert) {
		upserted, err := c.Upsert(t.Context(), chunk)
		require.NoError(t, err)
		require.Len(t, upserted.Contacts, len(chunk))
	}
}

func externalIDs(fake *contactstest.Fake) []string {
	ids := []string{}
	for _, c := range fake.Contacts() {
		ids = append(ids, c.ExternalID)
	}
	return ids
}

func TestClient_EveryEndpoint(t *testing.T) {
	for name, connect := range map[string]connect{"over a port": newLoopbackClient, "in memory": newFakeClient} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			c, fake := connect(t, nil, nil)

			schema, err := c.EnsureAttributes(ctx, []contacts.Attribute{{Name: "plan"}, {Name: "seats", Type: contacts.TypeNumber, Label: "Seats"}})
			require.NoError(t, err)
			in := newTestFields("user_8821", "Ada")
			in.Email, in.CustomAttributes = contacts.Set("ada@example.com"), contacts.Set(contacts.Values{"plan": "pro", "seats": json.Number("9007199254740991")})
			in.StripeAccounts = contacts.Set([]contacts.StripeAccount{{Label: "main", StripeID: "cus_1"}})
			require.NoError(t, schema.Check(in))
			upserted, err := c.Upsert(ctx, []contacts.Fields{in, {Name: contacts.Set("nobody")}})
			require.NoError(t, err)
			require.Len(t, upserted.Contacts, 2)
			assert.NotEmpty(t, upserted.ResponseInfo.RequestID)
			assert.NotEmpty(t, upserted.Contacts[1].ExternalID, "a random one")

			got, err := c.Get(ctx, "user_8821")
			require.NoError(t, err)
			assert.Equal(t, "contact_1", got.ID)
			assert.Equal(t, "ada@example.com", got.Email)
			assert.Equal(t, contacts.Values{"plan": "pro", "seats": json.Number("9007199254740991")}, got.CustomAttributes)
			assert.Equal(t, []contacts.StripeAccount{{Label: "main", StripeID: "cus_1"}}, got.StripeAccounts)
			assert.WithinDuration(t, time.Now(), got.CreatedAt.Time, time.Minute)
			assert.NotEmpty(t, got.ResponseInfo.RequestID)

			updated, err := c.Update(ctx, "user_8821", contacts.Fields{Name: contacts.Null[string](), ExternalID: contacts.Set("a/b")})
			require.NoError(t, err)
			assert.Empty(t, updated.Name)
			assert.Equal(t, "ada@example.com", updated.Email, "what was not sent stays")
			assert.Equal(t, got.CustomAttributes, updated.CustomAttributes)
			_, err = c.Get(ctx, "user_8821")
			assert.ErrorIs(t, err, contacts.ErrNotFound)

			page, err := c.Page(ctx, contacts.PageRequest{PerPage: 10})
			require.NoError(t, err)
			assert.Len(t, page.Contacts, 2)
			assert.Equal(t, contacts.Page{Contacts: page.Contacts, Number: 1, PerPage: 10, TotalPages: 1, Total: 2, ResponseInfo: page.ResponseInfo}, page)

			changed, err := c.UpdateAttribute(ctx, "plan", contacts.AttributeUpdate{Label: contacts.Set("Plan"), Archived: contacts.Set(true)})
			require.NoError(t, err)
			assert.Equal(t, contacts.Attribute{Name: "plan", Type: contacts.TypeText, Label: "Plan", Archived: true}, changed)
			list, err := c.Attributes(ctx)
			require.NoError(t, err)
			assert.Equal(t, []contacts.Attribute{changed, {Name: "seats", Type: contacts.TypeNumber, Label: "Seats"}}, list)

			meta, err := c.Delete(ctx, "a/b")
			require.NoError(t, err)
			assert.NotEmpty(t, meta.RequestID)
			_, err = c.Delete(ctx, "a/b")
			assert.ErrorIs(t, err, contacts.ErrNotFound)
			assert.Len(t, fake.Contacts(), 1)
			for _, r := range fake.Requests() {
				assert.Equal(t, "Bearer "+key, r.Header.Get("Authorization"))
			}
		})
	}
}

// External ids of any kind reach the contact that they name, and no other.
func TestClient_ExternalIDs(t *testing.T) {
	ids := []string{"a/b", "ü", "100%", "ada+x@example.com", "%2", "a?b#c", "#1001", "a b", "a//b", "https://id.example/1|2", "日本", "..a", "a\\b", "contacts"}
	c, fake := newLoopbackClient(t, nil, nil)
	for i, id := range ids {
		_, err := c.Upsert(t.Context(), []contacts.Fields{newTestFields(id, fmt.Sprint(i))})
		require.NoError(t, err)
	}
	assert.Equal(t, ids, externalIDs(fake))
	for i, id := range ids {
		got, err := c.Get(t.Context(), id)
		require.NoError(t, err, id)
		assert.Equal(t, id, got.ExternalID)
		assert.Equal(t, fmt.Sprint(i), got.Name)
		_, err = c.Update(t.Context(), id, contacts.Fields{PhoneNumber: contacts.Set("1")})
		require.NoError(t, err)
		_, err = c.Delete(t.Context(), id)
		require.NoError(t, err)
	}
	assert.Empty(t, fake.Contacts())
}

func TestAll_EveryPage(t *testing.T) {
	for n, requests := range map[int]int{0: 1, 1: 1, 1000: 1, 1001: 2, 2500: 3} {
		c, fake := newLoopbackClient(t, nil, nil)
		fill(t, c, n)
		before := len(fake.Requests())
		var got []string
		for contact, err := range c.All(t.Context()) {
			require.NoError(t, err)
			got = append(got, contact.ExternalID)
		}
		assert.Len(t, got, n)
		assert.ElementsMatch(t, externalIDs(fake), got)
		assert.Len(t, fake.Requests(), before+requests)
	}
}

func TestError_OfEachRejection(t *testing.T) {
	ctx := t.Context()
	c, fake := newLoopbackClient(t, &contactstest.Options{Attributes: attributes, ForeignAgentID: 124}, nil)
	fill(t, c, 2)
	_, err := c.Update(ctx, "user_1", contacts.Fields{Email: contacts.Set("ada@example.com")})
	require.NoError(t, err)
	other := func(key string, agent int64) *contacts.Client {
		server := fake.Start()
		t.Cleanup(server.Close)
		other, err := contacts.New(key, agent, &contacts.Options{BaseURL: server.URL})
		require.NoError(t, err)
		return other
	}
	wrong := newTestFields("user_3", "Eve")
	wrong.CustomAttributes = contacts.Set(contacts.Values{"seats": "three", "old": "x", "unknown": 1})
	for name, test := range map[string]struct {
		call   func() error
		status error
		text   string
		issues []contacts.Issue
	}{
		"another key":      {func() error { _, err := other("oc_test_wrong", agent).Get(ctx, "a"); return err }, contacts.ErrUnauthorized, "The API key is missing or not valid", nil},
		"a foreign agent":  {func() error { _, err := other(key, 124).Get(ctx, "a"); return err }, contacts.ErrForbidden, "The API key is not for this agent", nil},
		"an unknown agent": {func() error { _, err := other(key, 999).Upsert(ctx, []contacts.Fields{wrong}); return err }, contacts.ErrNotFound, "Resource not found", nil},
		"a taken id":       {func() error { _, err := c.Update(ctx, "user_0", newTestFields("user_1", "x")); return err }, contacts.ErrConflict, "The external id is taken", nil},
		"a taken address": {func() error {
			_, err := c.Update(ctx, "user_0", contacts.Fields{Email: contacts.Set("ada@example.com")})
			return err
		}, contacts.ErrConflict, "The e-mail address is taken", nil},
		"wrong values": {func() error {
			_, err := c.Upsert(ctx, []contacts.Fields{newTestFields("user_2", "Ada"), wrong})
			return err
		}, contacts.ErrBadRequest, "Invalid request data",
			[]contacts.Issue{{"users[1].custom_attributes.old", "is archived"}, {"users[1].custom_attributes.seats", "must be of type number"}}},
		"a taken name": {func() error { _, err := c.DefineAttribute(ctx, contacts.Attribute{Name: "plan"}); return err }, contacts.ErrConflict, "The name is taken", nil},
		"an unknown attribute": {func() error {
			_, err := c.UpdateAttribute(ctx, "nope", contacts.AttributeUpdate{Archived: contacts.Set(true)})
			return err
		}, contacts.ErrNotFound, "Resource not found", nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.call()
			assert.ErrorIs(t, err, test.status)
			var e *contacts.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.text, e.Message)
			assert.Equal(t, test.issues, e.Issues())
			assert.False(t, e.OutcomeUnknown)
		})
	}
	assert.Equal(t, []string{"user_0", "user_1"}, externalIDs(fake))
}

// A bare update drops what it does not name; a merge keeps it.
func TestMergeAttributes_KeepsOthers(t *testing.T) {
	ctx := t.Context()
	c, _ := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, nil)
	in := newTestFields("user_8821", "Ada")
	in.CustomAttributes = contacts.Set(contacts.Values{"plan": "free", "seats": 3, "vip": true})
	_, err := c.Upsert(ctx, []contacts.Fields{in})
	require.NoError(t, err)

	merged, err := c.MergeAttributes(ctx, "user_8821", contacts.Values{"plan": "pro", "vip": nil})
	require.NoError(t, err)
	assert.Equal(t, contacts.Values{"plan": "pro", "seats": json.Number("3")}, merged.CustomAttributes)
	assert.Equal(t, "Ada", merged.Name)

	replaced, err := c.Update(ctx, "user_8821", contacts.Fields{CustomAttributes: contacts.Set(contacts.Values{"plan": "free"})})
	require.NoError(t, err)
	assert.Equal(t, contacts.Values{"plan": "free"}, replaced.CustomAttributes)

	_, err = c.MergeAttributes(ctx, "nobody", contacts.Values{"plan": "pro"})
	assert.ErrorIs(t, err, contacts.ErrNotFound)
}

func TestEnsureAttributes_DefinesMissing(t *testing.T) {
	ctx := t.Context()
	want := []contacts.Attribute{{Name: "plan"}, {Name: "seats", Type: contacts.TypeNumber}, {Name: "since", Type: contacts.TypeDate}}
	for name, test := range map[string]struct {
		there    []contactstest.Attribute
		faults   []contactstest.Fault
		requests int
		want     error
	}{
		"none is there":      {nil, nil, 4, nil},
		"one is there":       {[]contactstest.Attribute{{Name: "plan", Label: "Plan"}}, nil, 3, nil},
		"all are there":      {[]contactstest.Attribute{{Name: "plan"}, {Name: "seats", Type: "number"}, {Name: "since", Type: "date"}}, nil, 1, nil},
		"a response is lost": {nil, []contactstest.Fault{contactstest.Pass(), contactstest.DropAfter()}, 5, nil},
		"it failed, and did": {nil, []contactstest.Fault{contactstest.Pass(), contactstest.FailAfter()}, 5, nil},
		"one is rejected":    {nil, []contactstest.Fault{contactstest.Pass(), contactstest.Status(403, "Not you")}, 5, contacts.ErrForbidden},
		"nothing is read":    {nil, []contactstest.Fault{contactstest.Status(401, "Not you")}, 1, contacts.ErrUnauthorized},
		"all fails then":     {nil, slices.Concat([]contactstest.Fault{contactstest.Pass()}, slices.Repeat([]contactstest.Fault{contactstest.Status(403, "Not you")}, 4)), 5, contacts.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			c, fake := newFakeClient(t, &contactstest.Options{Attributes: test.there}, nil)
			fake.Script(test.faults...)
			schema, err := c.EnsureAttributes(ctx, want)
			assert.ErrorIs(t, err, test.want)
			assert.Len(t, fake.Requests(), test.requests)
			if test.want != nil {
				return
			}
			require.NoError(t, err)
			assert.Len(t, fake.Attributes(), 3)
			since, ok := schema.Attribute("since")
			assert.True(t, ok)
			assert.Equal(t, contacts.TypeDate, since.Type)
			_, err = c.EnsureAttributes(ctx, want)
			require.NoError(t, err, "again")
			assert.Len(t, fake.Requests(), test.requests+1)
		})
	}
	for name, test := range map[string]struct {
		there contactstest.Attribute
		text  string
	}{
		"another type": {contactstest.Attribute{Name: "seats", Type: "text"}, `the attribute seats has type "text", expected "number"`},
		"archived":     {contactstest.Attribute{Name: "plan", Archived: true}, `the attribute plan is archived`},
	} {
		t.Run(name, func(t *testing.T) {
			c, fake := newFakeClient(t, &contactstest.Options{Attributes: []contactstest.Attribute{test.there}}, nil)
			_, err := c.EnsureAttributes(ctx, want)
			var conflict *contacts.AttributeError
			require.ErrorAs(t, err, &conflict)
			assert.Equal(t, test.text, conflict.Error())
			var e *contacts.Error
			require.ErrorAs(t, err, &e)
			assert.Contains(t, e.Error(), test.text)
			assert.Len(t, fake.Attributes(), 1, "nothing is made then")
		})
	}
	// Two that contradict each other: the second one finds the first.
	c, _ := newFakeClient(t, nil, nil)
	_, err := c.EnsureAttributes(ctx, []contacts.Attribute{{Name: "a"}, {Name: "a", Type: contacts.TypeNumber}})
	var conflict *contacts.AttributeError
	require.ErrorAs(t, err, &conflict)
}

// At the start of many processes at once, each finds all.
func TestEnsureAttributes_Concurrent(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			schema, err := c.EnsureAttributes(t.Context(), []contacts.Attribute{{Name: "plan"}, {Name: "seats", Type: contacts.TypeNumber}})
			if assert.NoError(t, err) {
				assert.NoError(t, schema.Check(contacts.Fields{CustomAttributes: contacts.Set(contacts.Values{"plan": "pro", "seats": 1})}))
			}
		})
	}
	wg.Wait()
	assert.Len(t, fake.Attributes(), 2)
}

// What the fake holds after each fault, and what the client says about it.
func TestUpsert_Faults(t *testing.T) {
	for name, test := range map[string]struct {
		faults    []contactstest.Fault
		requests  int
		held      int
		want      error
		mayBeDone bool
	}{
		"dropped before":         {[]contactstest.Fault{contactstest.Drop()}, 2, 2, nil, false},
		"dropped after":          {[]contactstest.Fault{contactstest.DropAfter()}, 2, 2, nil, false},
		"500 after":              {[]contactstest.Fault{contactstest.FailAfter()}, 2, 2, nil, false},
		"a proxy's 502":          {[]contactstest.Fault{contactstest.BadGateway(), contactstest.BadGateway()}, 3, 2, nil, false},
		"429":                    {[]contactstest.Fault{contactstest.Status(429, "Slow down").RetryAfter(20 * time.Second)}, 2, 2, nil, false},
		"too slow":               {[]contactstest.Fault{contactstest.Slow(2 * time.Minute)}, 2, 2, nil, false},
		"dropped for good":       {slices.Repeat([]contactstest.Fault{contactstest.Drop()}, 3), 3, 0, io.EOF, true},
		"500 for good":           {slices.Repeat([]contactstest.Fault{contactstest.FailAfter()}, 3), 3, 2, contacts.ErrServer, true},
		"too large":              {[]contactstest.Fault{contactstest.TooLarge(1)}, 1, 0, contacts.ErrTooLarge, false},
		"just not too large":     {[]contactstest.Fault{contactstest.TooLarge(2)}, 1, 2, nil, false},
		"403 after a lost reply": {[]contactstest.Fault{contactstest.DropAfter(), contactstest.Status(403, "Not you")}, 2, 2, contacts.ErrForbidden, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, fake := newFakeClient(t, nil, nil)
				fake.Script(test.faults...)
				_, err := c.Upsert(t.Context(), []contacts.Fields{newTestFields("a", "Ada"), newTestFields("b", "Bob")})
				assert.ErrorIs(t, err, test.want)
				assert.Len(t, fake.Requests(), test.requests)
				assert.Len(t, fake.Contacts(), test.held)
				var e *contacts.Error
				if errors.As(err, &e) {
					assert.Equal(t, test.mayBeDone, e.OutcomeUnknown)
				}
			})
		})
	}
}

// One without an external id would be made twice.
func TestUpsert_WithoutExternalIDIsSentOnce(t *testing.T) {
	for _, fault := range []contactstest.Fault{contactstest.DropAfter(), contactstest.FailAfter()} {
		c, fake := newLoopbackClient(t, nil, nil)
		fake.Script(fault)
		_, err := c.Upsert(t.Context(), []contacts.Fields{newTestFields("a", "Ada"), {Name: contacts.Set("nobody")}})
		var e *contacts.Error
		require.ErrorAs(t, err, &e)
		assert.True(t, e.OutcomeUnknown)
		assert.Len(t, fake.Contacts(), 2)
	}
}

func TestUpsert_ResponseWithFewerContacts(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	fake.Script(contactstest.Echo(1))
	upserted, err := c.Upsert(t.Context(), []contacts.Fields{newTestFields("a", "Ada"), newTestFields("b", "Bob")})
	require.NoError(t, err)
	require.Len(t, upserted.Contacts, 1)
	assert.Equal(t, "a", upserted.Contacts[0].ExternalID)
	assert.Len(t, fake.Contacts(), 2)
}

func TestDelete_Repeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := newFakeClient(t, nil, nil)
		fill(t, c, 2)
		fake.Script(contactstest.DropAfter())
		_, err := c.Delete(t.Context(), "user_0")
		require.NoError(t, err, "the repetition found nothing: it was deleted before")
		fake.Script(contactstest.FailAfter(), contactstest.BadGateway())
		_, err = c.Delete(t.Context(), "user_1")
		require.NoError(t, err)
		assert.Empty(t, fake.Contacts())
		fake.Script(contactstest.Status(429, "Slow down"))
		_, err = c.Delete(t.Context(), "user_1")
		assert.ErrorIs(t, err, contacts.ErrNotFound)
	})
}

func idsOf(ids ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func TestDeleteAll_CountsEachID(t *testing.T) {
	source := errors.New("the table is gone")
	pass, fail := contactstest.Pass(), contactstest.Status(400, "No")
	proxy := contactstest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		_, _ = io.WriteString(w, "<html>")
	})
	for name, test := range map[string]struct {
		ids             iter.Seq2[string, error]
		faults          []contactstest.Fault
		deleted, absent int
		failed          []string
		held            int
		want            error
	}{
		"nobody":              {idsOf(), nil, 0, 0, nil, 30, nil},
		"three":               {idsOf("user_0", "user_1", "user_2"), nil, 3, 0, nil, 27, nil},
		"some absent":         {idsOf("user_0", "nobody", "user_1", "user_0"), nil, 2, 2, nil, 28, nil},
		"absent at first":     {idsOf("nobody", "user_0"), nil, 1, 1, nil, 29, nil},
		"a lost response":     {idsOf("user_0", "user_1"), []contactstest.Fault{contactstest.DropAfter()}, 2, 0, nil, 28, nil},
		"one fails":           {idsOf("user_0", "user_1", "user_2"), []contactstest.Fault{pass, fail}, 2, 0, []string{"user_1"}, 28, contacts.ErrBadRequest},
		"a proxy's 404":       {idsOf("user_0", "user_1"), []contactstest.Fault{proxy}, 1, 0, []string{"user_0"}, 29, contacts.ErrNotFound},
		"no external id":      {idsOf("user_0", "..", "user_1"), nil, 2, 0, []string{".."}, 28, nil},
		"many of no form":     {idsOf(slices.Concat(slices.Repeat([]string{""}, 30), []string{"user_0"})...), nil, 1, 0, slices.Repeat([]string{""}, 30), 29, nil},
		"an agent never seen": {idsOf("nobody"), []contactstest.Fault{contactstest.Drop(), contactstest.Status(404, "Resource not found"), contactstest.Status(404, "Resource not found")}, 0, 0, []string{"nobody"}, 30, contacts.ErrNotFound},
		"the key is rejected": {idsOf("user_0", "user_1", "user_2"), []contactstest.Fault{pass, contactstest.Status(401, "No")}, 1, 0, []string{"user_1"}, 29, contacts.ErrUnauthorized},
		"the source fails":    {func(yield func(string, error) bool) { _ = yield("user_0", nil) && yield("", source) }, nil, 1, 0, nil, 29, source},
		"no agent any more":   {idsOf("nobody", "nobody"), []contactstest.Fault{pass, contactstest.Status(404, "Resource not found"), pass, contactstest.Status(404, "Resource not found")}, 0, 0, []string{"nobody", "nobody"}, 30, contacts.ErrNotFound},
		"everything fails":    {idsOf(slices.Repeat([]string{"user_0"}, 30)...), slices.Repeat([]contactstest.Fault{fail}, 30), 0, 0, slices.Repeat([]string{"user_0"}, 20), 30, contacts.ErrBadRequest},
		"failures in between": {idsOf(slices.Repeat([]string{"user_0"}, 30)...), slices.Concat(slices.Repeat([]contactstest.Fault{fail}, 19), []contactstest.Fault{pass}, slices.Repeat([]contactstest.Fault{fail}, 10)), 1, 0, slices.Repeat([]string{"user_0"}, 29), 29, contacts.ErrBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			c, fake := newLoopbackClient(t, nil, nil)
			fill(t, c, 30)
			fake.Script(test.faults...)
			told := map[contacts.Outcome]int{}
			d, err := c.DeleteAll(t.Context(), test.ids, &contacts.DeleteOptions{OnDeleted: func(_ context.Context, d contacts.Deletion) error {
				told[d.Outcome]++
				assert.Equal(t, d.Outcome == contacts.OutcomeFailed, d.Err != nil)
				return nil
			}})
			assert.Equal(t, []int{d.Deleted, d.NotFound, len(d.Failed)}, []int{told[contacts.OutcomeDeleted], told[contacts.OutcomeNotFound], told[contacts.OutcomeFailed]})
			assert.Equal(t, test.deleted, d.Deleted)
			assert.Equal(t, test.absent, d.NotFound)
			var failed []string
			for _, f := range d.Failed {
				failed = append(failed, f.ExternalID)
				assert.Error(t, f.Err)
			}
			assert.Equal(t, test.failed, failed)
			assert.Len(t, fake.Contacts(), test.held)
			switch {
			case test.want != nil:
				assert.ErrorIs(t, err, test.want)
			case test.failed != nil:
				var fe *contacts.FieldError
				assert.ErrorAs(t, err, &fe)
			default:
				assert.NoError(t, err)
			}
		})
	}
}

// An error of OnDeleted ends the run, and the report has the contact.
func TestDeleteAll_OnDeletedFails(t *testing.T) {
	full := errors.New("the disk is full")
	c, fake := newLoopbackClient(t, nil, nil)
	fill(t, c, 3)
	ctx, cancel := context.WithCancel(t.Context())
	d, err := c.DeleteAll(ctx, idsOf("user_0", "user_1", "user_2"), &contacts.DeleteOptions{OnDeleted: func(ctx context.Context, d contacts.Deletion) error {
		cancel()
		assert.NoError(t, ctx.Err(), "what became of it can still be saved")
		assert.Equal(t, contacts.Deletion{ExternalID: "user_0", Outcome: contacts.OutcomeDeleted}, d)
		return full
	}})
	assert.Equal(t, full, err)
	assert.Equal(t, contacts.DeleteReport{Deleted: 1}, d)
	assert.Len(t, fake.Contacts(), 2)
	_, err = c.DeleteAll(t.Context(), nil, nil)
	assert.EqualError(t, err, "contacts: externalIDs: must not be nil")
}

// When the context ends, the one under way is among the failed ones, with a
// word on whether it may be done.
func TestDeleteAll_ContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := newFakeClient(t, nil, nil)
		fill(t, c, 3)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		fake.Script(contactstest.Pass(), contactstest.Slow(time.Hour))
		d, err := c.DeleteAll(ctx, idsOf("user_0", "user_1", "user_2"), nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 1, d.Deleted)
		require.Len(t, d.Failed, 1)
		assert.Equal(t, "user_1", d.Failed[0].ExternalID)
		var e *contacts.Error
		require.ErrorAs(t, d.Failed[0].Err, &e)
		assert.True(t, e.OutcomeUnknown)
	})
}

// With a limiter that fits, the window rejects nothing.
func TestLimiter_WindowOfTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rejected := 0
		c, fake := newFakeClient(t, &contactstest.Options{Window: true}, func(o *contacts.Options) {
			o.OnAttempt = func(_ context.Context, a contacts.Attempt) {
				if a.StatusCode == 429 {
					rejected++
				}
			}
		})
		fill(t, c, 1)
		for range 250 {
			got, err := c.Get(t.Context(), "user_0")
			require.NoError(t, err)
			assert.Equal(t, 100, got.ResponseInfo.RateLimit.Limit)
		}
		assert.Equal(t, 2, rejected, "waited for, as Retry-After says")
		assert.Len(t, fake.Requests(), 253)

		limited := newServiceClient(t, &contacts.Options{BaseURL: contactstest.BaseURL, HTTPClient: fake.Client(), Limiter: pace(110 * time.Millisecond)}, nil)
		time.Sleep(time.Minute)
		before := len(fake.Requests())
		for range 250 {
			_, err := limited.Get(t.Context(), "user_0")
			require.NoError(t, err)
		}
		assert.Len(t, fake.Requests(), before+250)
	})
}

type pace time.Duration

func (p pace) Wait(context.Context) error { time.Sleep(time.Duration(p)); return nil }

func TestClient_Concurrent(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				id := fmt.Sprintf("user_%d_%d", i, j)
				_, err := c.Upsert(t.Context(), []contacts.Fields{newTestFields(id, "Ada")})
				assert.NoError(t, err)
				_, err = c.Get(t.Context(), id)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	assert.Len(t, fake.Contacts(), 40)
}

func TestClient_PrintsNoKeyAfterUse(t *testing.T) {
	c, _ := newLoopbackClient(t, nil, nil)
	fill(t, c, 1)
	testenv.Redacted(t, []byte(key), c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Get(ctx, "user_0")
	var e *contacts.Error
	require.ErrorAs(t, err, &e)
	assert.ErrorIs(t, err, context.Canceled)
	testenv.Keyless(t, []byte(key), e)
}
