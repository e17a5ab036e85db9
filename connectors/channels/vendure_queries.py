"""The GraphQL documents that the Vendure connector sends. A test validates them against the schema."""

ORDER_FIELDS = """
fragment OrderFields on Order {
  id code type state active createdAt updatedAt orderPlacedAt currencyCode couponCodes
  subTotal subTotalWithTax shipping shippingWithTax total totalWithTax
  channels { id code pricesIncludeTax }
  customer { id firstName lastName emailAddress phoneNumber }
  shippingAddress { ...AddressFields }
  billingAddress { ...AddressFields }
  lines {
    id quantity orderPlacedQuantity taxRate
    unitPrice unitPriceWithTax linePrice linePriceWithTax
    proratedUnitPriceWithTax proratedLinePrice proratedLinePriceWithTax
    taxLines { description taxRate }
    discounts { ...DiscountFields }
    productVariant { id sku name }
  }
  surcharges { id sku description price priceWithTax }
  discounts { ...DiscountFields }
  promotions { id couponCode }
  shippingLines {
    id discountedPrice discountedPriceWithTax
    shippingMethod { id code name }
  }
  payments {
    id createdAt method amount state transactionId
    refunds {
      id createdAt items shipping adjustment total state reason
      lines { orderLineId quantity }
    }
  }
  fulfillments {
    id createdAt state method trackingCode
    lines { orderLineId quantity }
  }
}
fragment AddressFields on OrderAddress {
  fullName company streetLine1 streetLine2 city province postalCode country countryCode phoneNumber
}
fragment DiscountFields on Discount {
  adjustmentSource type description amount amountWithTax
}
"""

ORDERS = (
    """
query Orders($options: OrderListOptions) {
  orders(options: $options) { totalItems items { ...OrderFields } }
}
"""
    + ORDER_FIELDS
)

ORDER = (
    """
query Order($id: ID!) {
  order(id: $id) { ...OrderFields }
}
"""
    + ORDER_FIELDS
)

FULFILMENTS = """
query Fulfilments($id: ID!) {
  order(id: $id) {
    id state
    fulfillments { __typename id state method trackingCode lines { orderLineId quantity } }
  }
}
"""

ADD_FULFILMENT = """
mutation AddFulfilment($input: FulfillOrderInput!) {
  addFulfillmentToOrder(input: $input) {
    __typename
    ... on Fulfillment { id state trackingCode }
    ... on ErrorResult { errorCode message }
  }
}
"""

TRANSITION = """
mutation TransitionFulfilment($id: ID!, $state: String!) {
  transitionFulfillmentToState(id: $id, state: $state) {
    __typename
    ... on Fulfillment { id state }
    ... on ErrorResult { errorCode message }
  }
}
"""

UNITS = """
query Units($id: ID!) {
  order(id: $id) {
    id
    lines { id quantity }
    fulfillments { state lines { orderLineId quantity } }
  }
}
"""

CANCEL = """
mutation Cancel($input: CancelOrderInput!) {
  cancelOrder(input: $input) {
    __typename
    ... on Order { id state }
    ... on ErrorResult { errorCode message }
  }
}
"""

LOGIN = """
mutation Login($username: String!, $password: String!) {
  login(username: $username, password: $password) {
    __typename
    ... on ErrorResult { errorCode message }
  }
}
"""
