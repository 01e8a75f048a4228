package contactstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const (
	maxUpsert      = 1000
	defaultPerPage = 100
	minPerPage     = 10
	maxPerPage     = 1000
)

type data struct {
	Message string `json:"message"`
	Data    any    `json:"data"`
}

type list struct {
	data
	Total int   `json:"total"`
	Pages pages `json:"pages"`
}

type pages struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	TotalPages int `json:"total_pages"`
}

func (f *Fake) upsert(r *http.Request) (any, *rejection) {
	var users []json.RawMessage
	if json.Unmarshal(readFields(r)["users"], &users) != nil || len(users) == 0 {
		return nil, invalid()
	}
	if len(users) > maxUpsert {
		return nil, &rejection{status: http.StatusBadRequest, Message: "Maximum 1000 contacts per request"}
	}
	var valid []fields
	var issues []issue
	for i, raw := range users {
		user := parseFields(raw)
		var wrong []issue
		if user == nil {
			wrong = []issue{{fmt.Sprintf("users[%d]", i), "must be an object"}}
		} else {
			wrong = f.store.check(user, fmt.Sprintf("users[%d].", i))
		}
		if wrong == nil {
			valid = append(valid, user)
		}
		issues = append(issues, wrong...)
	}
	if issues != nil && f.readings["upsert-batch"] == "atomic" {
		return nil, invalid(issues...)
	}
	var saved []*Contact
	for _, user := range valid {
		c := f.store.findOrCreate(user.text("external_id"))
		f.store.apply(c, user, f.readings["upsert-attributes"] == "replace")
		saved = append(saved, c)
	}
	if issues != nil {
		return nil, invalid(issues...)
	}
	return data{"Contacts saved", saved}, nil
}

func (f *Fake) list(r *http.Request) (any, *rejection) {
	q := r.URL.Query()
	perPage := number(q, "per_page", defaultPerPage)
	if clamped := min(max(perPage, minPerPage), maxPerPage); clamped != perPage {
		if f.readings["per-page-out-of-range"] == "400" {
			return nil, invalid(issue{"per_page", "must be 10 to 1000"})
		}
		perPage = clamped
	}
	page := max(number(q, "page", 1), 1)
	all := f.store.contacts
	totalPages := (len(all) + perPage - 1) / perPage
	found := []*Contact{}
	if page <= totalPages {
		start := (page - 1) * perPage
		found = all[start:min(start+perPage, len(all))]
	}
	return list{data{"Contacts found", found}, len(all), pages{page, perPage, totalPages}}, nil
}

// number returns the default for a text that is not a number.
func number(q url.Values, name string, otherwise int) int {
	n, err := strconv.Atoi(q.Get(name))
	if err != nil {
		return otherwise
	}
	return n
}

func (f *Fake) get(r *http.Request) (any, *rejection) {
	c := f.store.find(r.PathValue("external_id"))
	if c == nil {
		return nil, notFound()
	}
	return data{"Contact found", c}, nil
}

// update accepts the fields bare or in data.
func (f *Fake) update(r *http.Request) (any, *rejection) {
	c := f.store.find(r.PathValue("external_id"))
	if c == nil {
		return nil, notFound()
	}
	change := readFields(r)
	if inner, ok := change["data"]; ok {
		change = parseFields(inner)
	}
	if change == nil {
		return nil, invalid()
	}
	if issues := f.store.check(change, ""); issues != nil {
		return nil, invalid(issues...)
	}
	if other := f.store.find(change.text("external_id")); other != nil && other != c {
		return nil, taken("external id")
	}
	if email := change.text("email"); email != "" {
		for _, other := range f.store.contacts {
			if other != c && other.Email != nil && *other.Email == email {
				return nil, taken("e-mail address")
			}
		}
	}
	f.store.apply(c, change, true)
	return data{"Contact saved", c}, nil
}

func (f *Fake) remove(r *http.Request) (any, *rejection) {
	c := f.store.find(r.PathValue("external_id"))
	if c == nil {
		return nil, notFound()
	}
	f.store.remove(c)
	return data{"Contact deleted", c}, nil
}
