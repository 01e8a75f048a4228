package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/chatident/chatident/contacts"
)

// summarize prints how many rows have which outcome, and the reasons of those that failed.
func summarize(out io.Writer, r contacts.Report) {
	fmt.Fprintf(out, "%8d rows read\n", r.Read)
	fmt.Fprintf(out, "%8d saved\n", r.Acknowledged)
	fmt.Fprintf(out, "%8d rejected: not saved\n", r.Rejected)
	fmt.Fprintf(out, "%8d unknown: may be saved, send them again\n", r.Unknown)
	fmt.Fprintf(out, "%8d not attempted\n", r.NotAttempted)
	for _, f := range r.Failures {
		_, key := parseCursor(f.Row.Cursor)
		fmt.Fprintf(out, "key %s, external id %q, %s: %s\n", printable(key), externalID(f), f.Outcome, printable(f.Reason()))
	}
	if more := r.Rejected + r.Unknown - len(r.Failures); more > 0 {
		fmt.Fprintf(out, "and %d more (-failed writes all to a file)\n", more)
	}
}

func externalID(f contacts.Failure) string {
	id, _ := f.Row.Fields.ExternalID.Get()
	return id
}

// printable removes control characters, which could move the cursor: a reason may repeat text
// of a customer.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) {
			return -1
		}
		return r
	}, text)
}
