"""The GraphQL texts that the Shopify connector sends (Admin API 2026-10).

A contract test validates every one of them against Shopify's schema. Lists that can't be paged
(`fulfillments`, `refunds`, `transactions`) are asked for without `first`, so that Shopify doesn't
truncate them; every connection is asked for with its `pageInfo`, so that the connector sees when more
is to be fetched.
"""

from collections.abc import Mapping

REST_PAGE = 100
"""Records of a nested connection in each further page."""

_PAGE_INFO = "pageInfo { hasNextPage endCursor }"

_FRAGMENTS: Mapping[str, str] = {
    "Bag": """on MoneyBag {
  shopMoney { amount currencyCode }
  presentmentMoney { amount currencyCode }
}""",
    "ShopBag": "on MoneyBag { shopMoney { amount currencyCode } }",
    "Tax": "on TaxLine { title rate priceSet { ...Bag } }",
    "Allocation": """on DiscountAllocation {
  allocatedAmountSet { ...Bag }
  discountApplication {
    ... on DiscountCodeApplication { code }
    ... on AutomaticDiscountApplication { title }
    ... on ManualDiscountApplication { title }
    ... on ScriptDiscountApplication { title }
  }
}""",
    "Line": """on LineItem {
  id
  sku
  title
  variantTitle
  quantity
  currentQuantity
  unfulfilledQuantity
  requiresShipping
  isGiftCard
  variant { id }
  lineItemGroup { id }
  originalUnitPriceSet { ...Bag }
  priceAfterAllDiscountsBeforeTaxesSet { ...ShopBag }
  discountAllocations { ...Allocation }
  taxLines { ...Tax }
}""",
    "Delivery": """on ShippingLine {
  id
  title
  code
  discountedPriceSet { ...ShopBag }
  currentDiscountedPriceSet { ...ShopBag }
  taxLines { ...Tax }
}""",
    "Assigned": """on FulfillmentOrder {
  id
  status
  fulfillBy
  deliveryMethod { methodType presentedName maxDeliveryDateTime }
}""",
    "ShippedLine": "on FulfillmentLineItem { id quantity lineItem { id } }",
    "RefundedLine": """on RefundLineItem {
  id
  quantity
  restockType
  restocked
  subtotalSet { ...ShopBag }
  totalTaxSet { ...ShopBag }
  lineItem { id }
}""",
    "RefundedDelivery": """on RefundShippingLine {
  id
  subtotalAmountSet { ...ShopBag }
  taxAmountSet { ...ShopBag }
}""",
    "Adjustment": "on OrderAdjustment { id reason amountSet { ...ShopBag } taxAmountSet { ...ShopBag } }",
    "ReturnedLine": """on ReturnLineItemType {
  id
  quantity
  processedQuantity
  returnReasonNote
  returnReasonDefinition { handle name }
  ... on ReturnLineItem { fulfillmentLineItem { id lineItem { id } } }
}""",
    "ReturnHead": """on Return {
  id
  status
  createdAt
  returnLineItems(first: 5) { nodes { ...ReturnedLine } pageInfo { hasNextPage endCursor } }
}""",
    "OpenLine": "on FulfillmentOrderLineItem { id remainingQuantity lineItem { id } }",
    "OpenWork": """on FulfillmentOrder {
  id
  status
  assignedLocation { name location { id } }
  lineItems(first: 50) { nodes { ...OpenLine } pageInfo { hasNextPage endCursor } }
}""",
    "Left": "on LineItem { id currentQuantity unfulfilledQuantity }",
    "Editable": "on CalculatedLineItem { id quantity editableQuantity }",
    "Cancelling": "on OrderCancelJobResult { id done status errors { message code } }",
    "Shipped": """on Fulfillment {
  id
  status
  createdAt
  trackingInfo { number company url }
  fulfillmentLineItems(first: 20) { nodes { ...ShippedLine } pageInfo { hasNextPage endCursor } }
}""",
    "Address": """on MailingAddress {
  firstName
  lastName
  name
  company
  address1
  address2
  city
  province
  provinceCode
  zip
  countryCodeV2
  phone
}""",
    "OrderFields": """on Order {
  id
  name
  createdAt
  updatedAt
  cancelledAt
  cancelReason
  closed
  confirmed
  test
  email
  phone
  note
  tags
  taxesIncluded
  dutiesIncluded
  currencyCode
  presentmentCurrencyCode
  displayFinancialStatus
  displayFulfillmentStatus
  totalPriceSet { ...Bag }
  currentTotalPriceSet { ...Bag }
  totalTaxSet { ...ShopBag }
  totalDiscountsSet { ...ShopBag }
  totalRefundedSet { ...ShopBag }
  totalTipReceivedSet { ...ShopBag }
  originalTotalDutiesSet { ...ShopBag }
  currentTotalDutiesSet { ...ShopBag }
  additionalFees { id name price { ...ShopBag } taxLines { ...Tax } }
  discountCodes
  customer { id displayName defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber } }
  shippingAddress { ...Address }
  billingAddress { ...Address }
  lineItems(first: 20) { nodes { ...Line } pageInfo { hasNextPage endCursor } }
  shippingLines(first: 3) { nodes { ...Delivery } pageInfo { hasNextPage endCursor } }
  fulfillmentOrders(first: 5) { nodes { ...Assigned } pageInfo { hasNextPage endCursor } }
  fulfillments { ...Shipped }
  transactions {
    id
    kind
    status
    gateway
    manualPaymentGateway
    createdAt
    processedAt
    amountSet { ...Bag }
    parentTransaction { id }
  }
  refunds {
    id
    note
    createdAt
    totalRefundedSet { ...Bag }
    return { id }
    refundLineItems(first: 10) { nodes { ...RefundedLine } pageInfo { hasNextPage endCursor } }
    refundShippingLines(first: 3) { nodes { ...RefundedDelivery } pageInfo { hasNextPage endCursor } }
    orderAdjustments(first: 3) { nodes { ...Adjustment } pageInfo { hasNextPage endCursor } }
  }
  returns(first: 3) { nodes { ...ReturnHead } pageInfo { hasNextPage endCursor } }
}""",
}

_NESTED: Mapping[tuple[str, str], str] = {
    ("Order", "lineItems"): "Line",
    ("Order", "shippingLines"): "Delivery",
    ("Order", "returns"): "ReturnHead",
    ("Fulfillment", "fulfillmentLineItems"): "ShippedLine",
    ("Refund", "refundLineItems"): "RefundedLine",
    ("Refund", "refundShippingLines"): "RefundedDelivery",
    ("Refund", "orderAdjustments"): "Adjustment",
    ("Return", "returnLineItems"): "ReturnedLine",
    ("FulfillmentOrder", "lineItems"): "OpenLine",
    ("CalculatedOrder", "lineItems"): "Editable",
}


def _with_fragments(text: str) -> str:
    """The text followed by every fragment that it spreads, directly or not."""
    needed: dict[str, str] = {}
    waiting = [text]
    while waiting:
        body = waiting.pop()
        for name, fragment in _FRAGMENTS.items():
            if name not in needed and f"...{name} " in body:
                needed[name] = fragment
                waiting.append(fragment)
    return "\n".join([text, *(f"fragment {name} {needed[name]}" for name in sorted(needed))])


ORDERS = _with_fragments(f"""
query Orders($first: Int!, $after: String, $query: String, $sort: OrderSortKeys!) {{
  orders(first: $first, after: $after, query: $query, sortKey: $sort) {{
    nodes {{ ...OrderFields }}
    {_PAGE_INFO}
  }}
}}""")

ORDER = _with_fragments("query Order($id: ID!) { order(id: $id) { ...OrderFields } }")

SCOPES = "query Scopes { currentAppInstallation { accessScopes { handle } } }"

OPEN_WORK = _with_fragments(f"""query OpenWork($id: ID!) {{
  order(id: $id) {{
    id
    cancelledAt
    fulfillments {{ ...Shipped }}
    fulfillmentOrders(first: 20) {{ nodes {{ ...OpenWork }} {_PAGE_INFO} }}
  }}
}}""")

FULFIL = """mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status }
    userErrors { field message }
  }
}"""

CANCELLABLE = _with_fragments(f"""query Cancellable($id: ID!) {{
  order(id: $id) {{
    id
    cancelledAt
    lineItems(first: 50) {{ nodes {{ ...Left }} {_PAGE_INFO} }}
    fulfillments {{ ...Shipped }}
  }}
}}""")

EDIT_BEGIN = _with_fragments(f"""mutation EditBegin($id: ID!) {{
  orderEditBegin(id: $id) {{
    calculatedOrder {{ id lineItems(first: 50) {{ nodes {{ ...Editable }} {_PAGE_INFO} }} }}
    userErrors {{ field message }}
  }}
}}""")

EDIT_SET_QUANTITY = _with_fragments("""mutation EditSetQuantity($id: ID!, $line: ID!, $quantity: Int!) {
  orderEditSetQuantity(id: $id, lineItemId: $line, quantity: $quantity, restock: false) {
    calculatedLineItem { ...Editable }
    userErrors { field message }
  }
}""")

EDIT_COMMIT = """mutation EditCommit($id: ID!, $note: String) {
  orderEditCommit(id: $id, notifyCustomer: false, staffNote: $note) {
    order { id }
    userErrors { field message }
  }
}"""

# Neither `refundMethod` nor the deprecated `refund`: recorded orders that were paid stayed so without them.
CANCEL = _with_fragments("""mutation Cancel($id: ID!, $note: String) {
  orderCancel(orderId: $id, reason: INVENTORY, restock: false, notifyCustomer: false, staffNote: $note) {
    jobResult { ...Cancelling }
    orderCancelUserErrors { field message code }
  }
}""")

CANCELLING = _with_fragments("query Cancelling($id: ID!) { node(id: $id) { id ...Cancelling } }")


def rest_of(parent_type: str, connection: str, order_fragment: str = "Assigned") -> str:
    """The query for the further pages of a nested connection.

    Args:
        parent_type: The type in the parent's gid ("Order" in gid://shopify/Order/1).
        connection: The connection's field name.
        order_fragment: What was selected of an order's fulfillment orders: "Assigned" or "OpenWork".

    Raises:
        KeyError: If no query of the connector asks for that connection.
    """
    if (parent_type, connection) == ("Order", "fulfillmentOrders"):
        fragment = order_fragment
    else:
        fragment = _NESTED[parent_type, connection]
    return _with_fragments(f"""query Rest($id: ID!, $first: Int!, $after: String!) {{
  node(id: $id) {{
    ... on {parent_type} {{
      {connection}(first: $first, after: $after) {{ nodes {{ ...{fragment} }} {_PAGE_INFO} }}
    }}
  }}
}}""")


def every_text() -> tuple[str, ...]:
    """All texts that the connector can send, for validation."""
    rest = (rest_of(parent, connection) for parent, connection in _NESTED)
    assigned = (rest_of("Order", "fulfillmentOrders", fragment) for fragment in ("Assigned", "OpenWork"))
    cancelling = (CANCELLABLE, EDIT_BEGIN, EDIT_SET_QUANTITY, EDIT_COMMIT, CANCEL, CANCELLING)
    return (ORDERS, ORDER, SCOPES, OPEN_WORK, FULFIL, *cancelling, *rest, *assigned)
