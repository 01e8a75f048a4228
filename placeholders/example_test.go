package placeholders_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/chatident/chatident/placeholders"
)

// file is an action as it is kept in a repository.
const file = `{
  "method": "POST",
  "url": "https://api.example.com/customers/{{id}}/refunds?source={{plan}}",
  "headers": {"Authorization": "Bearer {{token}}"},
  "body": {"email": "{{userEmail}}", "reason": "asked by {{userEmail}} in the chat"},
  "variables": {
    "id": "userDetail.id",
    "plan": "userDetail.plan",
    "userEmail": "userDetail.email",
    "token": "integrations.shop.token"
  }
}`

// customer is whom an action is rendered for. In your program it is an
// identity.Payload, or whatever finds these paths.
type customer map[string]any

func (c customer) Lookup(path string) (any, bool) { v, ok := c[path]; return v, ok }

var ada = customer{
	"userDetail.id":           "user-123",
	"userDetail.plan":         "pro & more",
	"userDetail.email":        "ada@example.com",
	"integrations.shop.token": "the token of the shop",
}

// An action from a file, and what it would send.
func Example() {
	action, err := placeholders.ParseAction([]byte(file))
	if err != nil {
		log.Fatal(err)
	}
	compiled, err := placeholders.Compile(action, nil)
	if err != nil {
		log.Fatal(err)
	}
	preview, err := compiled.Preview(ada)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(preview)
	// Output:
	// POST https://api.example.com/customers/user-123/refunds?source=pro%20%26%20more
	// Authorization: [redacted]
	// Content-Type: application/json
	//
	// {"email": "ada@example.com", "reason": "asked by ada@example.com in the chat"}
}

func ExampleCompiledAction_Request() {
	action, err := placeholders.ParseAction([]byte(file))
	if err != nil {
		log.Fatal(err)
	}
	compiled, err := placeholders.Compile(action, nil)
	if err != nil {
		log.Fatal(err)
	}
	request, err := compiled.Request(context.Background(), ada)
	if err != nil {
		log.Fatal(err)
	}
	body, _ := io.ReadAll(request.Body)
	fmt.Println(request.Method, request.URL)
	fmt.Println(request.Header.Get("Authorization"))
	fmt.Println(string(body))
	// Output:
	// POST https://api.example.com/customers/user-123/refunds?source=pro%20%26%20more
	// Bearer the token of the shop
	// {"email": "ada@example.com", "reason": "asked by ada@example.com in the chat"}
}

// Every fault of an action at once, with where it is.
func ExampleCompile_faults() {
	_, err := placeholders.Compile(placeholders.Action{
		Method:    "POST",
		URL:       "https://{{shop}}.example.com/refunds",
		Header:    map[string]string{"X-Customer": "{{userEmial}}"},
		Body:      `{"query": "{ user(email: \"{{userEmail}}\") }"}`,
		Variables: map[string]string{"shop": "userDetail.shop", "userEmail": "user.email"},
	}, nil)
	var faults *placeholders.ActionError
	if errors.As(err, &faults) {
		for _, fault := range faults.Faults {
			fmt.Println(fault)
		}
	}
	// Output:
	// placeholders: url: line 1, column 9: a placeholder must not be in the scheme, the user information, the host or the port of a URL (a placeholder may be in a path segment and in the value of a query parameter)
	// placeholders: headers["X-Customer"]: line 1, column 1: "userEmial" must be one of the variables
	// placeholders: body: line 1, column 28: a placeholder must not share its text with a quote ("): a language with quoted strings may begin there, and a value could end the string (pass the value on its own, as in the variables of a GraphQL query or the parameters of a statement, or make the whole text one placeholder)
	// placeholders: variables["userEmail"]: must be a path that begins with userDetail. or integrations.
}

// A JSON body. A whole value keeps its type; a value in a string is
// escaped for it.
func ExampleParse_json() {
	template, err := placeholders.Parse(`{"email":"{{userEmail}}","orders":{{orders}},"tags":{{tags}},"note":"for {{name}}"}`, placeholders.JSON, nil)
	if err != nil {
		log.Fatal(err)
	}
	body, err := template.Render(placeholders.Values{
		"userEmail": "ada@example.com",
		"orders":    3,
		"tags":      []string{"vip"},
		"name":      `x","admin":true,"z":"`, // stays a name
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(body)
	// Output:
	// {"email":"ada@example.com","orders":3,"tags":["vip"],"note":"for x\",\"admin\":true,\"z\":\""}
}

// A URL. An injection into its path cannot be escaped safely, and is rejected.
func ExampleParse_url() {
	template, err := placeholders.Parse("https://api.example.com/customers/{{id}}/orders?q={{q}}", placeholders.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(template.Render(placeholders.Values{"id": "Ada Lovelace", "q": "a&admin=1"}))
	fmt.Println(template.Render(placeholders.Values{"id": "../admin", "q": ""}))
	fmt.Println(template.Render(placeholders.Values{"id": "..", "q": ""}))
	// Output:
	// https://api.example.com/customers/Ada%20Lovelace/orders?q=a%26admin%3D1 <nil>
	//  placeholders: the value of id must not put a slash or a backslash into a path segment, encoded or not
	//  placeholders: the value of id must not make a path segment of dots and spaces alone, together with what is beside it
}

// A header. It has no escapes, so a value that would end it is rejected.
func ExampleParse_header() {
	template, err := placeholders.Parse("Bearer {{token}}", placeholders.Header, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(template.Render(placeholders.Values{"token": "abc.def"}))
	fmt.Println(template.Render(placeholders.Values{"token": "abc\r\nX-Admin: true"}))
	// Output:
	// Bearer abc.def <nil>
	//  placeholders: the value of token must have only visible ASCII characters, and spaces (send other text in a body)
}

// A literal {{ is written as four braces.
func ExampleParse_literal() {
	template, err := placeholders.Parse("Write {{{{userEmail}} to get {{userEmail}}.", placeholders.Text, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(template.Render(placeholders.Values{"userEmail": "{{userEmail}}"})) // read once
	// Output:
	// Write {{userEmail}} to get {{userEmail}}. <nil>
}

// All missing names are reported together, except those with a default.
func ExampleTemplate_Render_missing() {
	options := &placeholders.Options{Defaults: map[string]any{"plan": "free"}}
	template, err := placeholders.Parse("{{name}} ({{userEmail}}), {{plan}}", placeholders.Text, options)
	if err != nil {
		log.Fatal(err)
	}
	_, err = template.Render(nil)
	var missing *placeholders.MissingError
	if errors.As(err, &missing) {
		fmt.Println(missing.Names)
	}
	fmt.Println(template.Render(placeholders.Values{"name": "Ada", "userEmail": "ada@example.com"}))
	// Output:
	// [name userEmail]
	// Ada (ada@example.com), free <nil>
}

func ExampleMapping_Values() {
	mapping, err := placeholders.NewMapping(map[string]string{"userEmail": "userDetail.email", "plan": "userDetail.plan"})
	if err != nil {
		log.Fatal(err)
	}
	template, err := placeholders.Parse("{{userEmail}} has the plan {{plan}}", placeholders.Text, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(template.Render(mapping.Values(ada)))
	// Output:
	// ada@example.com has the plan pro & more <nil>
}

// A syntax error says where it is.
func ExampleSyntaxError() {
	_, err := placeholders.Parse("{\n  \"{{key}}\": 1\n}", placeholders.JSON, nil)
	var syntax *placeholders.SyntaxError
	if errors.As(err, &syntax) {
		fmt.Println(syntax.Line, syntax.Column, syntax.Rule)
	}
	// Output:
	// 2 4 a placeholder must not be in a key
}
