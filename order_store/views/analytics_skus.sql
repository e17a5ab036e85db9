SELECT sku, title, weight_g, lot_tracked
FROM skus
WHERE valid_to IS NULL
