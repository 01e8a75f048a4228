package readings

import (
	"fmt"
	"iter"
	"net/http"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts"
)

var contactsPromises = []promise{
	{name: "a contact is created, read, changed and deleted", check: contactLifecycle},
	{name: "merged attributes keep the others", check: mergeAttributes},
	{name: "an upsert that names all attributes has the same result", check: upsertAll},
	{name: "a page of any size has contacts or is rejected", check: pageSizes},
	{name: "a list has every contact once", check: listAll},
	{name: "Sync accounts for every row, and saves what it acknowledges", check: syncAccounts},
	{name: "Sync with a schema rejects values that the service would drop", check: syncWithSchema},
	{name: "Sync acknowledges ids in mixed case", check: syncMixedCase},
	{name: "calls of both APIs keep to the limit", window: true, check: sharedLimit},
}

func input(id, name string, attributes contacts.Values) contacts.Fields {
	return contacts.Fields{ExternalID: contacts.Set(id), Name: contacts.Set(name), CustomAttributes: contacts.Set(attributes)}
}

func contactLifecycle(w *world) {
	_, err := w.book.Upsert(w.Context(), []contacts.Fields{input("User_1", "Ada", contacts.Values{"plan": "free"})})
	require.NoError(w, err)
	c, err := w.book.Get(w.Context(), "User_1")
	require.NoError(w, err)
	assert.Equal(w, "Ada", c.Name)
	c, err = w.book.Update(w.Context(), "User_1", contacts.Fields{Name: contacts.Null[string]()})
	require.NoError(w, err)
	assert.Empty(w, c.Name)
	assert.Equal(w, contacts.Values{"plan": "free"}, c.CustomAttributes)
	_, err = w.book.Delete(w.Context(), "User_1")
	require.NoError(w, err)
	_, err = w.book.Get(w.Context(), "User_1")
	require.ErrorIs(w, err, contacts.ErrNotFound)
}

func mergeAttributes(w *world) {
	_, err := w.book.Upsert(w.Context(), []contacts.Fields{input("user_1", "Ada", contacts.Values{"plan": "free"})})
	require.NoError(w, err)
	c, err := w.book.MergeAttributes(w.Context(), "user_1", contacts.Values{"seats": 3})
	require.NoError(w, err)
	assert.Len(w, c.CustomAttributes, 2)
}

func upsertAll(w *world) {
	for _, plan := range []string{"free", "pro"} {
		_, err := w.book.Upsert(w.Context(), []contacts.Fields{input("user_1", "Ada", contacts.Values{"plan": plan, "seats": 3})})
		require.NoError(w, err)
	}
	c, err := w.book.Get(w.Context(), "user_1")
	require.NoError(w, err)
	assert.Len(w, c.CustomAttributes, 2)
	assert.Equal(w, "pro", c.CustomAttributes["plan"])
}

func pageSizes(w *world) {
	_, err := w.book.Upsert(w.Context(), []contacts.Fields{input("user_1", "Ada", contacts.Values{})})
	require.NoError(w, err)
	for _, size := range []int{0, 9, 10, 1000, 1001} {
		page, err := w.book.Page(w.Context(), contacts.PageRequest{PerPage: size})
		if err == nil {
			assert.Len(w, page.Contacts, 1, size)
			continue
		}
		assert.True(w, size == 9 || size == 1001, "%d: %v", size, err)
	}
}

func listAll(w *world) {
	var all []contacts.Fields
	for i := range 1000 {
		all = append(all, input(fmt.Sprintf("user_%04d", i), "Ada", contacts.Values{}))
	}
	_, err := w.book.Upsert(w.Context(), all)
	require.NoError(w, err)
	seen := map[string]bool{}
	for _, c := range collect(w, w.book.All(w.Context())) {
		seen[c.ExternalID] = true
	}
	assert.Len(w, seen, 1000)
}

// rows returns 60 rows, of which each tenth is given to change.
func rows(change func(*contacts.Fields)) iter.Seq2[contacts.Row, error] {
	return func(yield func(contacts.Row, error) bool) {
		for i := range 60 {
			in := input(fmt.Sprintf("user_%02d", i), "Ada", contacts.Values{"plan": "free"})
			if i%10 == 5 {
				change(&in)
			}
			if !yield(contacts.Row{Fields: in, Cursor: fmt.Sprint(i + 1)}, nil) {
				return
			}
		}
	}
}

func (w *world) saved() map[string]bool {
	saved := map[string]bool{}
	for _, c := range w.contacts.Contacts() {
		saved[c.ExternalID] = true
	}
	return saved
}

func syncAccounts(w *world) {
	failed := map[string]bool{}
	report, err := w.book.Sync(w.Context(), rows(func(in *contacts.Fields) {
		in.CustomAttributes = contacts.Set(contacts.Values{"seats": "many"}) // a wrong type
	}), &contacts.SyncOptions{BatchSize: 20, Workers: 2})
	require.ErrorIs(w, err, contacts.ErrRowsFailed)
	assert.Equal(w, 60, report.Read)
	assert.Equal(w, 54, report.Acknowledged)
	assert.Len(w, report.Failures, 6)
	saved := w.saved()
	for _, f := range report.Failures {
		id, _ := f.Row.Fields.ExternalID.Get()
		failed[id] = true
	}
	for i := range 60 {
		id := fmt.Sprintf("user_%02d", i)
		assert.Equal(w, i%10 == 5, failed[id], id)
		assert.Equal(w, i%10 != 5, saved[id], id)
	}
}

func syncWithSchema(w *world) {
	schema, err := w.book.Schema(w.Context())
	require.NoError(w, err)
	report, err := w.book.Sync(w.Context(), rows(func(in *contacts.Fields) {
		in.CustomAttributes = contacts.Set(contacts.Values{"Plan": "free"}) // not defined
	}), &contacts.SyncOptions{Schema: schema})
	require.ErrorIs(w, err, contacts.ErrRowsFailed)
	assert.Equal(w, 54, report.Acknowledged)
	assert.Len(w, w.saved(), 54)
}

func syncMixedCase(w *world) {
	report, err := w.book.Sync(w.Context(), rows(func(in *contacts.Fields) {
		id, _ := in.ExternalID.Get()
		in.ExternalID = contacts.Set("U" + id[1:])
	}), nil)
	require.NoError(w, err)
	assert.Equal(w, 60, report.Acknowledged)
}

// sharedLimit uses up the limit by calls of the chat, and then calls contacts.
func sharedLimit(w *world) {
	for range 100 {
		w.chat.CountRequest(http.Header{})
	}
	_, err := w.book.Page(w.Context(), contacts.PageRequest{})
	require.NoError(w, err)
	requests := w.contacts.Requests()
	if w.readings["v1-limit"] == "shared" {
		assert.Len(w, requests, 2, "the first is rejected")
		return
	}
	assert.Len(w, requests, 1)
}
