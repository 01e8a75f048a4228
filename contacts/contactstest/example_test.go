package contactstest_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/chatident/chatident/contacts/contactstest"
)

// The first response is an error after the contact was saved, as scripted.
func ExampleFake() {
	fake, err := contactstest.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	defer server.Close()
	fake.Script(contactstest.FailAfter())

	for range 2 {
		r, err := http.NewRequest("POST", server.URL+"/api/v1/chatbots/123/contacts", strings.NewReader(`{"users":[{"external_id":"user_8821"}]}`))
		if err != nil {
			log.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer oc_test_contactstest")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			log.Fatal(err)
		}
		_ = response.Body.Close()
		fmt.Printf("%s %.42s\n", response.Status, body)
	}
	fmt.Println("requests:", len(fake.Requests()))
	fmt.Println("contacts:", len(fake.Contacts()))
	// Output:
	// 500 Internal Server Error {"message":"Internal server error"}
	// 200 OK {"message":"Contacts saved","data":[{"id":
	// requests: 2
	// contacts: 1
}

// A batch with one contact that is not valid saves the others, under a reading.
func ExampleOptions_readings() {
	fake, err := contactstest.New(&contactstest.Options{Readings: map[string]string{"upsert-batch": "partial"}})
	if err != nil {
		log.Fatal(err)
	}
	server := fake.Start()
	defer server.Close()
	r, err := http.NewRequest("POST", server.URL+"/api/v1/chatbots/123/contacts",
		strings.NewReader(`{"users":[{"external_id":"user_1"},{"external_id":"user_2","name":7}]}`))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer oc_test_contactstest")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	_ = response.Body.Close()
	fmt.Println(response.Status)
	fmt.Println("contacts:", len(fake.Contacts()))
	// Output:
	// 400 Bad Request
	// contacts: 1
}
