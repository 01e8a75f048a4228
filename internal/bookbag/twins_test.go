package bookbag_test

import (
	"bytes"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/contacts"
)

// declarations are what a package exports, in the words of its source: a type as
// "Error", its field or method as "Error.Code" and a variable by its name, each with
// its comment.
type declarations map[string]string

func readDeclarations(t *testing.T, pkg string) declarations {
	t.Helper()
	files := token.NewFileSet()
	names, err := filepath.Glob("../../" + pkg + "/*.go")
	require.NoError(t, err)
	var parsed []*ast.File
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			f, err := parser.ParseFile(files, name, nil, parser.ParseComments)
			require.NoError(t, err)
			parsed = append(parsed, f)
		}
	}
	p, err := doc.NewFromFiles(files, parsed, "example.com/"+pkg)
	require.NoError(t, err)
	d := declarations{}
	for _, typ := range p.Types {
		spec := typ.Decl.Specs[0].(*ast.TypeSpec)
		d[typ.Name] = typ.Doc
		if fields, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range fields.Fields.List {
				name := typ.Name + "." + render(files, f.Type)
				if len(f.Names) > 0 {
					name = typ.Name + "." + f.Names[0].Name
				}
				d[name] = f.Doc.Text() + f.Comment.Text() + render(files, f.Type)
			}
		} else {
			d[typ.Name] += render(files, spec.Type)
		}
		for _, m := range typ.Methods {
			d[typ.Name+"."+m.Name] = m.Doc + render(files, m.Decl.Type)
		}
		d.addValues(files, typ.Vars)
	}
	d.addValues(files, p.Vars)
	return d
}

func (d declarations) addValues(files *token.FileSet, values []*doc.Value) {
	for _, v := range values {
		for _, spec := range v.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			d[spec.Names[0].Name] = spec.Doc.Text() + render(files, spec.Values[0])
		}
	}
}

func render(files *token.FileSet, node ast.Node) string {
	var b bytes.Buffer
	_ = printer.Fprint(&b, files, node)
	return b.String()
}

// twinTypes are the same in both packages, and so are all of their exported fields and
// methods but contacts.Error.Issues.
var twinTypes = []string{"Error", "FieldError", "Attempt", "Limiter", "RateLimit", "ResponseInfo"}

// shared are other declarations that both packages have.
var shared = []string{
	"Options.BaseURL", "Options.HTTPClient", "Options.Timeout", "Options.MaxRetries", "Options.MaxWait", "Options.MaxBody", "Options.Limiter", "Options.OnAttempt",
	"ErrBadRequest", "ErrUnauthorized", "ErrForbidden", "ErrNotFound", "ErrRateLimited", "ErrServer",
	"ErrTimeout", "ErrLimiter", "ErrTooLong", "ErrUnexpectedResponse", "ErrRepeatedPage",
}

// differences returns the names of declarations that are to be the same and are not.
func differences(chat, contact declarations) (names []string) {
	names = slices.Clone(shared)
	for _, d := range []declarations{chat, contact} {
		for name := range d {
			parent, member, _ := strings.Cut(name, ".")
			if slices.Contains(twinTypes, parent) && (member == "" || ast.IsExported(member)) && name != "Error.Issues" {
				names = append(names, name)
			}
		}
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return slices.DeleteFunc(names, func(name string) bool { return chat[name] != "" && chat[name] == contact[name] })
}

func TestTwins_Declarations(t *testing.T) {
	chat, contact := readDeclarations(t, "chatclient"), readDeclarations(t, "contacts")
	for _, name := range differences(chat, contact) {
		assert.Equal(t, chat[name], contact[name], name)
	}
	for name, text := range chat {
		if strings.HasPrefix(name, "Err") && contact[name] != "" {
			assert.Equal(t, contact[name], text, name)
		}
	}
	for _, name := range slices.Concat(shared, twinTypes, []string{"Error.Code", "Error.OutcomeUnknown", "Error.Unwrap", "FieldError.Rule", "Attempt.Wait"}) {
		for drifted, d := range map[string]declarations{"another comment": {name: chat[name] + "."}, "no such name": {name: ""}} {
			other := maps.Clone(contact)
			maps.Copy(other, d)
			assert.Equal(t, []string{name}, differences(chat, other), drifted)
		}
	}
	other := maps.Clone(contact)
	other["Error.Issue"] = "new"
	assert.Equal(t, []string{"Error.Issue"}, differences(chat, other))
}

func TestTwins_Errors(t *testing.T) {
	for _, pair := range [][2]error{
		{chatclient.ErrBadRequest, contacts.ErrBadRequest}, {chatclient.ErrUnauthorized, contacts.ErrUnauthorized},
		{chatclient.ErrForbidden, contacts.ErrForbidden}, {chatclient.ErrNotFound, contacts.ErrNotFound},
		{chatclient.ErrRateLimited, contacts.ErrRateLimited}, {chatclient.ErrServer, contacts.ErrServer},
		{chatclient.ErrTimeout, contacts.ErrTimeout}, {chatclient.ErrLimiter, contacts.ErrLimiter},
		{chatclient.ErrTooLong, contacts.ErrTooLong}, {chatclient.ErrUnexpectedResponse, contacts.ErrUnexpectedResponse},
		{chatclient.ErrRepeatedPage, contacts.ErrRepeatedPage},
	} {
		assert.True(t, pair[0] == pair[1], pair[0])
	}
	for status, want := range map[int]error{404: chatclient.ErrNotFound, 409: contacts.ErrConflict, 402: chatclient.ErrCreditsExhausted, 599: chatclient.ErrServer} {
		assert.ErrorIs(t, &contacts.Error{StatusCode: status}, want)
		assert.ErrorIs(t, &chatclient.Error{StatusCode: status}, want)
		assert.NotErrorIs(t, &chatclient.Error{StatusCode: status}, chatclient.ErrBadRequest)
	}
	chat, contact := chatclient.Error{Operation: "GET /", StatusCode: 401, Code: "A"}, contacts.Error{Operation: "GET /", StatusCode: 401, Code: "A"}
	assert.Equal(t, strings.TrimPrefix(chat.Error(), "chatclient"), strings.TrimPrefix(contact.Error(), "contacts"))
}

func TestFailure_TextSaysWhatToDo(t *testing.T) {
	for want, e := range map[string]*chatclient.Error{
		`chatclient: GET /x: status 401 "AUTH_INVALID_API_KEY" (check BOOKBAG_API_KEY)`:             {StatusCode: 401, Code: chatclient.CodeInvalidAPIKey},
		`chatclient: GET /x: status 403 (is the key for this agent?)`:                               {StatusCode: 403},
		`chatclient: GET /x: status 404 (check the agent, the ids of the call and Options.BaseURL)`: {StatusCode: 404},
		`chatclient: GET /x: status 429 (retry after 7s)`:                                           {StatusCode: 429, RetryAfter: 7 * time.Second},
		`chatclient: GET /x: status 307 (redirects are not followed: check Options.BaseURL)`:        {StatusCode: 307},
		`chatclient: GET /x: status 400`:                                                            {StatusCode: 400},
	} {
		e.Operation = "GET /x"
		assert.EqualError(t, e, want)
	}
	assert.EqualError(t, chatclient.ErrUnexpectedResponse, "unexpected response format (is Options.BaseURL right, or does a proxy respond?)")
}
