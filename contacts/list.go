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

// PageRequest names a page of the list.
type PageRequest struct {
	// Page is the number of the page, from 1. Default: 1.
	Page int

	// PerPage is how many contacts a page has, 10 to 1,000: the service would
	// take others for the nearest of these. Default: 100.
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

// Page is a page of the list. The numbers are those of the response, 0 where it
// does not have them: they are documented by Chatbase alone.
type Page struct {
	Contacts []Contact

	Number     int // of this page, from 1
	PerPage    int // how many contacts a page has
	TotalPages int
	Total      int // of contacts on all pages

	ResponseInfo
}

// Page returns a page of the agent's contacts, in the order of the service,
// which it does not document. Pages after the last are empty. A bad
// field is a *[FieldError], everything else that goes wrong an *[Error].
//
// Source: Bookbag, API v1, "Contacts"; the form of the response is documented by
// Chatbase alone.
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

// All returns all contacts of the agent, one page of 1,000 at a time.
// Each time it is ranged over, it begins at the first page. An error, as of
// [Client.Page], is the last thing it returns; a page that comes again
// ([ErrRepeatedPage]) and an empty one before the last ([ErrUnexpectedResponse])
// are errors too, not the end.
//
// The service numbers pages, and does not keep them still: when contacts are
// made or deleted meanwhile, others may come twice or be passed over.
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

// check returns an error for a page with which the list would repeat itself, or end
// too early.
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
