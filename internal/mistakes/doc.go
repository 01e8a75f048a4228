// Package mistakes lists the mistakes that are easily made when the packages of this
// module are put together, with the message that each one gets. It has no other code.
package mistakes
