package contacts

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/chatident/chatident/internal/bookbag"
)

const (
	minPerPage = 10
	maxPerPage = 1000
)

// PageRequest selects a page of the list.
type PageRequest struct {
	// Page is the number of the page, from 1. Default: 1. A negative number is an
	// error.
	Page int

	// PerPage is the number of contacts in a page, from 10 to 1,000. Default: 100.
	// Any other number is an error, because the service would silently use the
	// nearest valid one.
	PerPage int
}

func (p PageRequest) query() (url.Values, error) {
	switch {
	case p.Page < 0:
		return nil, &FieldError{"PageRequest.Page", "must be positive, or 0 for the first"}
	case p.PerPage != 0 && (p.PerPage < minPerPage || p.PerPage > maxPerPage):
		return nil, &FieldError{"PageRequest.PerPage", "must be from 10 to 1000, or 0 for the default"}
	}
	q := url.Values{}
	if p.Page > 0 {
		q.Set("page", strconv.Itoa(p.Page))
	}
	if p.PerPage > 0 {
		q.Set("per_page", strconv.Itoa(p.PerPage))
	}
	return q, nil
}

// Page is a page of the list. The numbers are those of the response, or 0 if it has
// none: they are documented by Chatbase, not by Bookbag.
type Page struct {
	Contacts []Contact

	Number     int // of this page, from 1
	PerPage    int // contacts in a page
	TotalPages int
	Total      int // of contacts on all pages

	ResponseInfo
}

// Page returns a page of the agent's contacts. Their order is that of the service,
// which does not document it. A page after the last one is empty. An invalid field is
// a *[FieldError]. Every other error is an *[Error].
//
// Source: Bookbag, API v1, "Contacts". The format of the response is documented by
// Chatbase, not by Bookbag.
func (c *Client) Page(ctx context.Context, p PageRequest) (Page, error) {
	call := get(contactsPath)
	var err error
	if call.Query, err = p.query(); err != nil {
		return Page{}, err
	}
	var page Page
	var pages struct {
		Page       int `json:"page"`
		PerPage    int `json:"per_page"`
		TotalPages int `json:"total_pages"`
	}
	info, err := c.do(ctx, call, func(body []byte) (err error) {
		members := bookbag.Members(body)
		_ = bookbag.Object(members["pages"], &pages) // of another form: unknown
		_ = json.Unmarshal(members["total"], &page.Total)
		page.Contacts, err = bookbag.List[Contact](members["data"], cmp.Or(p.PerPage, maxPerPage))
		return err
	})
	if err != nil {
		return Page{}, err
	}
	page.Number, page.PerPage, page.TotalPages, page.ResponseInfo = pages.Page, pages.PerPage, pages.TotalPages, info
	return page, nil
}

// All returns all contacts of the agent, in pages of 1,000. Each iteration starts at
// the first page. It ends after an error, which is one of [Client.Page]. A repeated
// page is [ErrRepeatedPage], and an empty page before the last one is
// [ErrUnexpectedResponse].
//
// The service numbers its pages. If contacts are created or deleted during the
// iteration, it may return a contact twice, or skip one.
func (c *Client) All(ctx context.Context) iter.Seq2[Contact, error] {
	return func(yield func(Contact, error) bool) {
		seen := map[string]bool{} // the first contact of each page
		for p := (PageRequest{Page: 1, PerPage: maxPerPage}); ; p.Page++ {
			page, err := c.Page(ctx, p)
			if err == nil {
				err = page.check(p.Page, seen)
			}
			if err != nil {
				yield(Contact{}, err)
				return
			}
			for _, contact := range page.Contacts {
				if !yield(contact, nil) {
					return
				}
			}
			if len(page.Contacts) == 0 || p.Page == page.TotalPages {
				return
			}
		}
	}
}

// check returns an error for a page that would repeat the list, or end it too early.
func (p *Page) check(number int, seen map[string]bool) error {
	if len(p.Contacts) == 0 {
		if number < p.TotalPages {
			return p.because(ErrUnexpectedResponse)
		}
		return nil
	}
	first := p.Contacts[0].ID + "\n" + p.Contacts[0].ExternalID
	if seen[first] {
		return p.because(ErrRepeatedPage)
	}
	seen[first] = true
	return nil
}

func (p *Page) because(err error) *Error {
	return &Error{ResponseInfo: p.ResponseInfo, Operation: "GET " + contactsPath, StatusCode: http.StatusOK, Attempts: 1, err: err}
}
